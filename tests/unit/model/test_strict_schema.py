"""What structured output accepts of JSON schema."""

import copy
from typing import Any

import pytest

from shared.errors import ConfigurationError
from shared.model.strict_schema import MAX_PROPERTIES, UNSUPPORTED_KEYWORDS, check_strict_name, check_strict_schema

GOOD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["good", "bad"], "description": "which"},
        "score": {"type": ["number", "null"]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "source": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tag"}]},
    },
    "required": ["label", "score", "tags", "source"],
    "additionalProperties": False,
    "$defs": {
        "tag": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}


def _changed(path: str, **changes: Any) -> dict[str, Any]:
    schema = copy.deepcopy(GOOD)
    node = schema
    for step in path.split():
        node = node[step]
    node.update(changes)
    return schema


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"in": schema}, "required": ["in"], "additionalProperties": False}
    return schema


def _wide(properties: int) -> dict[str, Any]:
    names = [f"p{n}" for n in range(properties)]
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
        "additionalProperties": False,
    }


@pytest.mark.parametrize("schema", [GOOD, _nested(5), _wide(MAX_PROPERTIES)])
def test_accepted(schema: dict[str, Any]) -> None:
    check_strict_schema(schema)


@pytest.mark.parametrize(
    ("schema", "path", "reason"),
    [
        ({"type": "array", "items": {"type": "string"}}, "$", "root must be an object"),
        (_changed("", anyOf=[GOOD]), "$", "root must be an object, and no anyOf"),
        (_changed("", definitions={"x": {"minimum": 1}}), "$.definitions.x", "'minimum' isn't supported"),
        (_changed("", additionalProperties=True), "$", "'additionalProperties' must be false"),
        (_changed("", required=["label", "score", "tags"]), "$", "'source' must be in 'required'"),
        (_changed("$defs tag", required=[]), "$.$defs.tag", "'name' must be in 'required'"),
        (_changed("properties tags", minItems=1), "$.properties.tags", "'minItems' isn't supported"),
        (_changed("properties tags", items={"type": "object"}), "$.properties.tags.items", "'additionalProperties'"),
        (_changed("properties source", anyOf=[{"pattern": "a"}]), "$.properties.source.anyOf[0]", "'pattern'"),
        (_changed("properties", label=True), "$.properties.label", "must be an object"),
        (_nested(6), "$.properties.in.properties.in.properties.in.properties.in.properties.in", "5 levels"),
        (_wide(MAX_PROPERTIES + 1), "$", "101 properties, 100 are allowed"),
    ],
)
def test_rejected(schema: dict[str, Any], path: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_strict_schema(schema)
    assert caught.value.field == path
    assert reason in str(caught.value)


@pytest.mark.parametrize("keyword", sorted(UNSUPPORTED_KEYWORDS))
def test_unsupported_keywords(keyword: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{keyword!r} isn't supported"):
        check_strict_schema(_changed("properties label", **{keyword: 1}))


def test_a_property_may_be_called_like_a_keyword() -> None:
    schema = _wide(0)
    schema["properties"] = {"format": {"type": "string"}}
    schema["required"] = ["format"]
    check_strict_schema(schema)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a.b", "ü"])
def test_names(name: str) -> None:
    check_strict_name("feedback_v1-A")
    with pytest.raises(ConfigurationError):
        check_strict_name(name)
