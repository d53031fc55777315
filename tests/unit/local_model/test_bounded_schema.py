"""Bounds that keep small models from going on without end."""

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from local.model.engines.bounded_schema import bounded
from local.model.schema_filler import Field, fill
from local.model.schema_numbers import NumberRange
from shared.jobs.reasoning_answer import solution_format, verdict_format
from tests.support.json_schemas import loose_schemas, strict_schemas


class LongestValues:
    """Writes as much as a schema allows, within reason."""

    def text(self, field: Field, limit: int | None) -> str:
        return "x" * (5_000 if limit is None else limit)

    def number(self, field: Field, allowed: NumberRange) -> float:
        return allowed.high if allowed.bounded else 12_345.67

    def boolean(self, field: Field) -> bool:
        return False

    def choose(self, field: Field, options: Any, most: int) -> list[Any]:
        return sorted(options, key=lambda option: -len(str(option)))[:most]

    def count(self, field: Field, least: int, most: int) -> int:
        return min(most, 50)

    def element(self, field: Field, index: int) -> "LongestValues":
        return self


def largest(schema: Any) -> int:
    return len(json.dumps(fill(schema, LongestValues()), separators=(",", ":")))


@given(strict_schemas(), st.integers(300, 3_000))
def test_the_largest_answer_fits(schema: dict[str, Any], tokens: int) -> None:
    least = largest(bounded(schema, 1))
    assume(least <= tokens)

    assert largest(bounded(schema, tokens)) <= tokens


@given(loose_schemas(), st.integers(1, 3_000))
def test_bounds_of_the_schema_stay(schema: dict[str, Any], tokens: int) -> None:
    def bounds(node: Any, path: str = "") -> dict[str, int]:
        if isinstance(node, list):
            return {k: v for i, part in enumerate(node) for k, v in bounds(part, f"{path}/{i}").items()}
        if not isinstance(node, dict):
            return {}
        own = {f"{path}/{key}": node[key] for key in ("maxItems", "maxLength") if isinstance(node.get(key), int)}
        return own | {k: v for key, part in node.items() for k, v in bounds(part, f"{path}/{key}").items()}

    assert bounds(schema).items() <= bounds(bounded(schema, tokens)).items()


def test_without_a_limit_only_lists_of_choices_end() -> None:
    schema = {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}

    assert bounded(schema, None) == {**schema, "maxItems": 2}
    assert bounded({"type": "string"}, None) == {"type": "string"}


def test_answers_of_reasoning_jobs_fit_their_tokens() -> None:
    for form in (solution_format("s", ["r1", "r2"], None), verdict_format()):
        schema = form.response_format["json_schema"]["schema"]
        assert largest(schema) > 5_000
        assert largest(bounded(schema, 400)) <= 400
