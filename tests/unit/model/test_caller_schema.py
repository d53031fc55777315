"""Which schemas of callers are accepted."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidMessageError
from shared.model.caller_schema import MAX_LEVELS, MAX_NODES, check_caller_schema
from shared.model.validators import validator_for
from tests.support.json_schemas import strict_schemas

TEXT = {"type": "string"}
GOOD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Verdicts",
    "type": "object",
    "properties": {
        "verdicts": {"type": "array", "items": {"$ref": "#/$defs/verdict"}, "minItems": 1, "maxItems": 9},
        "definitions": {"type": "string", "description": "a property may be called like a refused keyword"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
        "by_day": {"type": "object", "additionalProperties": {"type": "integer"}},
        "either": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/verdict"}]},
        "fixed": {"const": {"$id": "data, no keyword", "$ref": "nowhere"}},
        "x-order": True,
    },
    "required": ["verdicts"],
    "$defs": {"verdict": {"type": "object", "properties": {"why": TEXT, "level": {"enum": [1, "two", None]}}}},
}


def complaint(schema: Any) -> InvalidMessageError:
    with pytest.raises(InvalidMessageError) as caught:
        check_caller_schema(schema, "response_schema")
    return caught.value


def outcome(schema: Any) -> InvalidMessageError | None:
    """What checking says; any other exception is a bug."""
    try:
        check_caller_schema(schema, "response_schema")
    except InvalidMessageError as error:
        return error
    return None


@pytest.mark.parametrize("schema", [GOOD, {}, TEXT, {"anyOf": [TEXT, {"type": "null"}]}, {"not": {"type": "null"}}])
def test_accepted(schema: dict[str, Any]) -> None:
    check_caller_schema(schema, "response_schema")


@given(strict_schemas())
def test_what_strict_mode_takes_is_accepted(schema: dict[str, Any]) -> None:
    check_caller_schema(schema, "response_schema")


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = TEXT
    for _ in range(levels - 1):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def branching(levels: int) -> dict[str, Any]:
    """Small, but with more than 3^levels schemas when its references are followed."""
    names = {f"n{i}": {"anyOf": [{"$ref": f"#/$defs/n{i + 1}"}] * 3} for i in range(levels)}
    return {"$ref": "#/$defs/n0", "$defs": {**names, f"n{levels}": TEXT}}


@pytest.mark.parametrize(
    ("schema", "field", "words"),
    [
        ({"type": "nonsense"}, "response_schema.type", "not a JSON schema"),
        ({"properties": {"a": {"minLength": -1}}}, "response_schema.properties.a.minLength", "not a JSON schema"),
        ({"items": [TEXT]}, "response_schema.items", "not a JSON schema"),
        ({"properties": [1]}, "response_schema.properties", "not a JSON schema"),
        ({"description": "x" * 20_000}, "response_schema", "16384 are allowed"),
        ({"minimum": float("nan")}, "response_schema", "numbers or characters"),
        ({"description": "\ud800"}, "response_schema", "numbers or characters"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "response_schema.$schema", "2020-12"),
        ({"items": {"$id": "https://a/b"}}, "response_schema.items", "'$id'"),
        ({"properties": {"a": {"$dynamicRef": "#a"}}}, "response_schema.properties.a", "'$dynamicRef'"),
        ({"definitions": {"a": TEXT}}, "response_schema", "call it $defs"),
        ({"patternProperties": {"^(a+)+$": TEXT}}, "response_schema", "additionalProperties"),
        ({"$ref": "https://example.com/schema"}, "response_schema.$ref", "#/$defs/NAME"),
        ({"$ref": "#"}, "response_schema.$ref", "#/$defs/NAME"),
        ({"$ref": "#/$defs/none", "$defs": {"a": TEXT}}, "response_schema.$ref", "#/$defs/NAME"),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, "response_schema.$defs.a.items", "back to itself"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "response_schema.$defs.a", "back to itself"),
        ({"properties": {f"p{i}": TEXT for i in range(101)}}, "response_schema", "101 properties"),
        (nested(MAX_LEVELS + 1), "response_schema", f"{MAX_LEVELS} are allowed"),
        (nested(40), "response_schema", "levels deep"),
        (branching(12), "response_schema", f"{MAX_NODES} are allowed"),
        ({"pattern": "(("}, "response_schema.pattern", "not a JSON schema"),
        ({"pattern": "(a{999}){999}"}, "response_schema.pattern", "repeats too much"),
        ({"pattern": "a" * 201}, "response_schema.pattern", "200 are allowed"),
    ],
)
def test_refused(schema: dict[str, Any], field: str, words: str) -> None:
    error = complaint(schema)

    assert error.field == field
    assert words in str(error)


def test_limits_are_inclusive() -> None:
    check_caller_schema(nested(MAX_LEVELS), "s")
    check_caller_schema({"properties": {f"p{i}": TEXT for i in range(100)}}, "s")


KEYWORDS = st.sampled_from(
    ["type", "properties", "items", "$ref", "$defs", "anyOf", "enum", "pattern", "required", "not", "if", "$id", "a"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["object", "string", "#/$defs/a", "#/$defs/b", "(a+)+$", "(a{999}){99}", "[", "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS | st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=300)
@given(st.dictionaries(KEYWORDS | st.text(max_size=5), VALUES, max_size=5))
def test_any_json_is_accepted_or_refused_quickly(schema: dict[str, Any]) -> None:
    began = time.process_time()
    error = outcome(schema)
    if error is None:
        # What is accepted can be used: nothing is left to fail on later.
        assert validator_for(schema).is_valid({"a": ["x", 1]}) in (True, False)
    else:
        assert str(error.field).startswith("response_schema")
    assert time.process_time() - began < 2.0


def test_the_largest_schemas_are_checked_quickly() -> None:
    wide = {"properties": {f"property_{i}": {"type": "string", "pattern": "^a{1,300}b{1,300}$"} for i in range(100)}}
    large = [wide, branching(5), {"enum": list(range(2500))}, {"anyOf": [{"const": i} for i in range(900)]}]
    began = time.process_time()
    for schema in large:
        assert len(json.dumps(schema)) < 16_384
        check_caller_schema(schema, "s")
    assert time.process_time() - began < 5.0
