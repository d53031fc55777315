"""What is asked of the model, and what is accepted."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from local.model.engines.instant import FixedValues
from local.model.schema_filler import fill
from local.model.strict_schema import check_response_schema
from shared.errors import InvalidOutputError
from shared.jobs.reasoning_answer import check_answer, notes_format, plan_format, solution_format, verdict_format
from tests.support.json_schemas import loose_schemas, strict_schemas

IDS = ["a", "b"]


def accepted(schema: dict[str, Any] | None, text: str) -> Any:
    """The answer, or None where it is refused."""
    try:
        return solution_format("x", IDS, schema).parse(text, "stop")["answer"]
    except InvalidOutputError:
        return None


def without_pointers(schema: dict[str, Any]) -> dict[str, Any]:
    """Callers may refer to `$defs` only."""
    properties = {name: part for name, part in schema["properties"].items() if name != "again"}
    return {**schema, "properties": properties, "required": [n for n in schema["required"] if n in properties]}


@given(strict_schemas() | loose_schemas().map(without_pointers))
def test_what_an_endpoint_may_answer_fits_the_callers_schema_or_is_refused(schema: dict[str, Any]) -> None:
    sent = solution_format("x", IDS, schema).response_format["json_schema"]
    check_response_schema(sent["schema"], sent["name"], strict=sent["strict"])
    answer = accepted(schema, json.dumps(fill(sent["schema"], FixedValues())))

    if answer is not None:
        jsonschema.validate(answer, schema)
        check_answer(answer, schema)


@given(strict_schemas())
def test_what_strict_mode_enforces_is_accepted(schema: dict[str, Any]) -> None:
    form = solution_format("x", IDS, schema)
    sent = form.response_format["json_schema"]
    if sent["strict"]:
        form.parse(json.dumps(fill(sent["schema"], FixedValues())), "stop")


@pytest.mark.parametrize(
    "form", [plan_format(), notes_format("n", IDS), verdict_format(), solution_format("s", [], None)]
)
def test_own_formats_are_strict(form: Any) -> None:
    sent = form.response_format["json_schema"]
    assert sent["strict"]
    form.parse(json.dumps(fill(sent["schema"], FixedValues())), "stop")


def test_evidence_is_asked_for_where_there_are_inputs() -> None:
    asked = [solution_format("s", ids, None).schema["properties"] for ids in (IDS, [])]
    assert ["evidence" in properties for properties in asked] == [True, False]


def test_a_text_answer_is_not_empty() -> None:
    solution = {"reasoning": "", "evidence": [], "answer": "", "confidence": 1}
    assert accepted(None, json.dumps(solution)) is None
    assert accepted(None, json.dumps({**solution, "answer": "x"})) == "x"


@pytest.mark.parametrize(("answer", "schema"), [(5, None), ("x", {"type": "integer"}), ([], {"minItems": 1})])
def test_a_finished_answer_is_checked_again(answer: Any, schema: Any) -> None:
    with pytest.raises(InvalidOutputError):
        check_answer(answer, schema)
