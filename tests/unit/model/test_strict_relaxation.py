"""From callers' schemas to those of strict mode, and from the answers back."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from local.model.engines.instant import FixedValues
from local.model.schema_filler import fill
from shared.model.caller_schema import check_caller_schema
from shared.model.strict_relaxation import Relaxed, is_strict, relaxed, without_asked_nulls
from shared.model.strict_schema import check_strict_schema
from shared.model.validators import validator_for
from tests.support.json_schemas import loose_schemas, strict_schemas

TEXT = {"type": "string"}


def closed(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def found(schema: dict[str, Any]) -> Relaxed:
    result = relaxed(schema)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("schema", "sent", "narrowed"),
    [
        (TEXT, TEXT, False),
        ({"type": "string", "maxLength": 9, "description": "short"}, {"type": "string", "description": "short"}, True),
        ({"type": "integer", "minimum": 1, "default": 4}, {"type": "integer"}, True),
        ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}, False),
        ({"enum": ["a", 1, None]}, {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}, False),
        ({"type": "string", "enum": ["a", 1]}, {"type": "string", "enum": ["a"]}, False),
        ({"const": True}, {"type": "boolean", "enum": [True]}, False),
        ({"oneOf": [TEXT, {"type": "null"}]}, {"anyOf": [TEXT, {"type": "null"}]}, True),
        ({"allOf": [TEXT], "description": "d"}, {"type": "string", "description": "d"}, False),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, {"type": "array", "items": TEXT}, True),
        ({"type": "object", "properties": {"a": TEXT}}, closed(a={"type": ["string", "null"]}), False),
        ({"properties": {"a": TEXT}, "required": ["a"]}, {**closed(a=TEXT), "type": "object"}, False),
        (
            {"properties": {"a": {"enum": ["x"]}}},
            closed(a={"type": ["string", "null"], "enum": ["x", None]}),
            False,
        ),
        (
            {"type": "object", "properties": {"a": {"$ref": "#/$defs/t"}}, "$defs": {"t": TEXT}},
            closed(a={"anyOf": [{"$ref": "#/$defs/t"}, {"type": "null"}]}),
            False,
        ),
        (
            {"type": ["array", "null"], "items": {"type": "number"}},
            {"type": ["array", "null"], "items": {"type": "number"}},
            False,
        ),
    ],
)
def test_what_is_sent(schema: dict[str, Any], sent: dict[str, Any], narrowed: bool) -> None:
    result = found(schema)

    assert (result.schema, result.narrowed) == (sent, narrowed)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": TEXT}, "required": ["b"]},
        {"type": "array"},
        {"type": "array", "prefixItems": [TEXT]},
        {"allOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}]},
        {"type": "object", "properties": {"a": TEXT}, "anyOf": [{"required": ["a"]}]},
        {"type": "string", "if": {"minLength": 3}, "then": {"maxLength": 9}},
        {"enum": [[1], {"a": 1}]},
        {"type": "object", "properties": {"a": True}},
        {"$ref": "#/$defs/a", "properties": {"b": TEXT}, "$defs": {"a": TEXT}},
    ],
)
def test_what_strict_mode_can_not_say(schema: dict[str, Any]) -> None:
    check_caller_schema(schema, "s")
    assert relaxed(schema) is None


@given(strict_schemas())
def test_what_is_strict_already_stays_so(schema: dict[str, Any]) -> None:
    result = relaxed(schema)

    if result is not None:  # constants of no type aren't
        check_strict_schema(result.schema)
        assert not result.narrowed


@given(loose_schemas())
def test_what_is_sent_is_strict_and_allows_what_the_caller_wants(schema: dict[str, Any]) -> None:
    # References within properties aren't accepted from callers.
    properties = {name: part for name, part in schema["properties"].items() if name != "again"}
    schema = {**schema, "properties": properties, "required": [n for n in schema["required"] if n in properties]}
    result = relaxed(schema)
    assume(result is not None)
    assert result is not None

    check_strict_schema(result.schema)
    wanted = fill(schema, FixedValues())
    assume(validator_for(schema).is_valid(wanted))  # the filler makes arrays of equal elements where they must differ
    assert validator_for(result.schema).is_valid(wanted)


@given(loose_schemas(), st.data())
def test_nulls_for_what_is_left_out_are_taken_away_again(schema: dict[str, Any], data: st.DataObject) -> None:
    properties = {name: part for name, part in schema["properties"].items() if name != "again"}
    required = data.draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    schema = {"type": "object", "properties": properties, "required": required}
    whole = fill(schema, FixedValues())
    assume(validator_for(schema).is_valid(whole))
    wanted = {name: part for name, part in whole.items() if name in required}
    asked = {name: wanted.get(name) for name in properties}
    nullable = {name for name, part in properties.items() if validator_for(part).is_valid(None)}

    pruned = without_asked_nulls(asked, schema, schema)

    assert validator_for(schema).is_valid(pruned)
    assert {name: part for name, part in pruned.items() if name not in nullable} == {
        name: part for name, part in wanted.items() if name not in nullable
    }


def test_nulls_that_the_caller_allows_stay() -> None:
    schema = {
        "anyOf": [
            {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": TEXT}},
            {"type": "array", "items": {"$ref": "#/$defs/point"}},
        ],
        "$defs": {"point": {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}}},
    }

    assert without_asked_nulls({"a": None, "b": None}, schema, schema) == {"a": None}
    assert without_asked_nulls([{"x": 1, "y": None}], schema, schema) == [{"x": 1}]
    assert without_asked_nulls({"c": None}, schema, schema) == {"c": None}


def test_too_deep_for_strict_mode() -> None:
    schema: dict[str, Any] = TEXT
    for _ in range(6):
        schema = closed(a=schema)

    assert not is_strict(found(schema).schema)
