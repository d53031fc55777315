"""Which JSON schemas structured output accepts.

Source: Microsoft, "How to use structured outputs with Azure OpenAI" (supported schemas and limitations): with `strict`,
the root is an object and not anyOf, every object forbids additional properties and requires all of its properties, at
most 100 properties and 5 levels, and the keywords below are refused.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsonschema

from local.model.azure_errors import ApiError, bad_request

MOST_PROPERTIES = 100
MOST_LEVELS = 5
_MOST_NESTING = 100
_NOT_PERMITTED = {
    *("minLength", "maxLength", "pattern", "format"),
    *("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"),
    *("patternProperties", "unevaluatedProperties", "propertyNames", "minProperties", "maxProperties"),
    *("unevaluatedItems", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems"),
    *("allOf", "oneOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "prefixItems"),
}
Path = tuple[str, ...]


def check_response_schema(schema: Mapping[str, Any], name: str, *, strict: bool) -> None:
    """Raises:
    ApiError: 400 as Azure words it: what is wrong with the schema, and where.
    """
    if _nesting(schema) > _MOST_NESTING:
        raise _invalid(name, (), f"more than {_MOST_NESTING} levels of nesting")
    _check(json.dumps(schema, sort_keys=True), name, strict)


# Checking takes milliseconds, and callers send the same few schemas over and over. Refusals aren't kept.
@lru_cache(maxsize=256)
def _check(schema_text: str, name: str, strict: bool) -> None:
    schema = json.loads(schema_text)
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise _invalid(name, tuple(str(part) for part in error.absolute_path), error.message) from None
    if strict:
        _check_strict(schema, name)


def _check_strict(schema: Mapping[str, Any], name: str) -> None:
    if schema.get("type") != "object" or "anyOf" in schema:
        raise _invalid(
            name, (), f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
        )
    properties = 0
    for path, levels, node in _walk(schema, (), 0):
        for keyword in sorted(_NOT_PERMITTED & set(node)):
            raise _invalid(name, path, f"'{keyword}' is not permitted.")
        kinds = node.get("type", ())
        if "properties" in node or kinds == "object" or "object" in kinds:
            named = node.get("properties", {})
            properties += len(named)
            if node.get("additionalProperties") is not False:
                raise _invalid(name, path, "'additionalProperties' is required to be supplied and to be false.")
            missing = [key for key in named if key not in node.get("required", [])]
            if missing:
                raise _invalid(
                    name,
                    path,
                    "'required' is required to be supplied and to be an array including every key in properties. "
                    f"Missing '{missing[0]}'.",
                )
        if levels > MOST_LEVELS:
            raise _invalid(name, path, f"exceeds the limit of {MOST_LEVELS} levels of nesting.")
    if properties > MOST_PROPERTIES:
        raise _invalid(name, (), f"exceeds the limit of {MOST_PROPERTIES} properties.")


def _walk(schema: Any, path: Path, levels: int) -> Iterator[tuple[Path, int, Mapping[str, Any]]]:
    """All sub-schemas: where they are, and how many objects are around them."""
    if not isinstance(schema, Mapping):
        return
    yield path, levels, schema
    deeper = levels + (1 if "properties" in schema else 0)
    for keyword in ("properties", "$defs", "definitions"):
        for key, part in schema.get(keyword, {}).items():
            yield from _walk(part, (*path, keyword, key), deeper if keyword == "properties" else 0)
    if "items" in schema:
        yield from _walk(schema["items"], (*path, "items"), levels)
    for index, part in enumerate(schema.get("anyOf", [])):
        yield from _walk(part, (*path, "anyOf", str(index)), levels)


def _nesting(node: Any) -> int:
    deepest, waiting = 0, [(node, 1)]
    while waiting:
        current, depth = waiting.pop()
        deepest = max(deepest, depth)
        if depth <= _MOST_NESTING and isinstance(current, Mapping | list):
            inner = current.values() if isinstance(current, Mapping) else current
            waiting += [(part, depth + 1) for part in inner if isinstance(part, Mapping | list)]
    return deepest


def _invalid(name: str, path: Path, problem: str) -> ApiError:
    where = f"({', '.join(repr(part) for part in path)})"
    return bad_request(
        f"Invalid schema for response_format '{name}': In context={where}, {problem}",
        "response_format",
        "invalid_json_schema",
    )
