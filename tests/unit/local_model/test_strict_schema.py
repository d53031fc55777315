"""Which schemas structured output accepts."""

from typing import Any

import pytest
from hypothesis import given

from local.model.azure_errors import ApiError
from local.model.strict_schema import check_response_schema
from tests.support.json_schemas import loose_schemas, strict_schemas

TEXT = {"type": "string"}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def nested(levels: int) -> dict[str, Any]:
    schema = closed(a=TEXT)
    for _ in range(levels):
        schema = closed(a=schema)
    return schema


@given(strict_schemas())
def test_strict_schemas_pass(schema: dict[str, Any]) -> None:
    check_response_schema(schema, "x", strict=True)


@given(loose_schemas())
def test_loose_schemas_pass_without_strict(schema: dict[str, Any]) -> None:
    check_response_schema(schema, "x", strict=False)


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "array", "items": TEXT}, "got 'type: \"array\"'"),
        ({"type": "object", "properties": {}}, "'additionalProperties' is required"),
        ({**closed(a=TEXT), "required": []}, "Missing 'a'"),
        (closed(a={"type": "number", "minimum": 0}), "In context=('properties', 'a'), 'minimum' is not permitted"),
        (closed(a={"type": "array", "items": {"type": "string", "pattern": "x"}}), "'pattern' is not permitted"),
        (closed(a={"type": ["object", "null"]}), "('properties', 'a'), 'additionalProperties' is required"),
        (closed(a={"anyOf": [TEXT, {"type": "object"}]}), "('properties', 'a', 'anyOf', '1')"),
        ({**closed(a={"$ref": "#/$defs/b"}), "$defs": {"b": {"type": "object"}}}, "('$defs', 'b')"),
        (nested(6), "5 levels"),
        (closed(**{f"p{i}": TEXT for i in range(101)}), "100 properties"),
    ],
)
def test_strict_refuses_and_says_where(schema: dict[str, Any], problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_response_schema(schema, "x", strict=True)

    message = caught.value.body["error"]["message"]
    assert message.startswith("Invalid schema for response_format 'x'")
    assert problem in message


def test_five_levels_are_allowed() -> None:
    check_response_schema(nested(4), "x", strict=True)


def test_a_property_may_be_called_like_a_keyword() -> None:
    check_response_schema(closed(minimum=TEXT, pattern=TEXT), "x", strict=True)


def test_what_is_no_schema_is_refused_without_strict_too() -> None:
    with pytest.raises(ApiError) as caught:
        check_response_schema({"type": "object", "properties": {"a": {"type": "wrong"}}}, "x", strict=False)

    assert "('properties', 'a', 'type')" in caught.value.body["error"]["message"]


def test_endless_nesting_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"items": schema}

    with pytest.raises(ApiError) as caught:
        check_response_schema(schema, "x", strict=False)

    assert "levels of nesting" in caught.value.body["error"]["message"]
