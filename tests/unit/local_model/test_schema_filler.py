"""Filling schemas: the result always fits."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given

from local.model.engines.instant import FixedValues
from local.model.schema_filler import UnfillableError, fill
from local.model.schema_numbers import NumberRange
from tests.support.json_schemas import loose_schemas, strict_schemas

TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name", "children"],
}


def filled(schema: dict[str, Any]) -> Any:
    value = fill(schema, FixedValues())
    jsonschema.validate(value, schema)
    return value


@given(strict_schemas() | loose_schemas())
def test_any_schema_is_filled_so_that_it_fits(schema: dict[str, Any]) -> None:
    filled(schema)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": None}, None),
        ({"enum": [1, "a", None], "type": "string"}, "a"),
        ({"enum": [2.0, 3], "type": ["integer", "null"]}, 2.0),
        ({"type": ["null", "boolean"]}, False),
        ({"type": "null"}, None),
        ({"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 3}]}, 3),
        ({"oneOf": [{"type": "boolean"}]}, False),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
        ({"required": ["a"], "additionalProperties": {"type": "integer"}}, {"a": 0}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 5}}}, 5),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False}, [1, 2]),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "uniqueItems": True}, ["a", "b"]),
        ({"type": "array", "items": {"enum": ["a"]}, "minItems": 3}, ["a", "a", "a"]),
        ({"items": {}, "maxItems": 0}, []),
        ({"minimum": 4}, 4),
        ({"type": "string", "format": "date"}, "2024-01-01"),
        ({"type": "string", "maxLength": 3}, "A f"),
        ({"type": "string", "minLength": 20}, "A fixed answer......"),
    ],
)
def test_keywords(schema: dict[str, Any], value: Any) -> None:
    assert filled(schema) == value


def test_recursion_ends_where_it_may() -> None:
    depth, node = 0, filled(TREE)
    while node["children"]:
        depth, node = depth + 1, node["children"][0]
    assert 1 <= depth <= 8


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema"},
        {"properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"properties": {"a": False}},
        {"anyOf": [False]},
    ],
)
def test_what_cannot_be_filled_is_said(schema: dict[str, Any]) -> None:
    with pytest.raises(UnfillableError):
        fill(schema, FixedValues())


@pytest.mark.parametrize(
    ("schema", "integer", "wish", "number"),
    [
        ({"minimum": -1, "maximum": 1}, False, 0.12345, 0.12),
        ({"minimum": 0.001, "maximum": 0.002}, False, 7, 0.002),
        ({}, True, 3.6, 4),
        ({"exclusiveMinimum": 3, "exclusiveMaximum": 5}, True, 100, 4),
        ({"minimum": 1, "maximum": 20, "multipleOf": 5}, True, 1, 5),
        ({"multipleOf": 0.5}, False, 1.3, 1.5),
    ],
)
def test_nearest_allowed_number(schema: dict[str, Any], integer: bool, wish: float, number: float) -> None:
    assert NumberRange.of(schema, integer=integer).fit(wish) == number
