"""The subset of JSON schema that structured outputs accept.

Source: Microsoft, "How to use structured outputs with Azure OpenAI", section on support and limitations; the
composing keywords from OpenAI's "Structured model outputs", which Azure follows. The endpoint answers 400 to anything
else, so a schema is checked before it is sent.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.errors import ConfigurationError

MAX_PROPERTIES = 100
MAX_DEPTH = 5

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_OF_STRINGS = {"minLength", "maxLength", "pattern", "format"}
_OF_NUMBERS = {"minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"}
_OF_OBJECTS = {"patternProperties", "unevaluatedProperties", "propertyNames", "minProperties", "maxProperties"}
_OF_ARRAYS = {"unevaluatedItems", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems"}
_COMPOSING = {"allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "prefixItems"}
UNSUPPORTED_KEYWORDS = frozenset(_OF_STRINGS | _OF_NUMBERS | _OF_OBJECTS | _OF_ARRAYS | _COMPOSING)


def check_strict_name(name: str) -> None:
    """Check the name of a response format.

    Raises:
        ConfigurationError: says which characters it may have.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"The schema name {name!r} must be 1 to 64 letters, digits, '_' or '-'.", field="name")


def check_strict_schema(schema: Mapping[str, Any]) -> None:
    """Check that the endpoint accepts a schema in strict mode.

    Raises:
        ConfigurationError: says what is wrong; `field` is where, as a path such as "$.properties.tags.items".
    """
    if schema.get("type") != "object" or "anyOf" in schema:
        _reject("$", "the root must be an object, and no anyOf")
    properties = 0
    for path, depth, node in _nodes(schema, "$", 0):
        if depth > MAX_DEPTH:
            _reject(path, f"objects may be nested {MAX_DEPTH} levels deep at most")
        if unsupported := sorted(UNSUPPORTED_KEYWORDS & node.keys()):
            _reject(path, f"{unsupported[0]!r} isn't supported: leave it out of what is sent, and check the answer")
        if _is_object(node):
            _check_object(path, node)
            properties += len(node.get("properties", {}))
    if properties > MAX_PROPERTIES:
        _reject("$", f"it has {properties} properties, {MAX_PROPERTIES} are allowed")


def _check_object(path: str, node: Mapping[str, Any]) -> None:
    if node.get("additionalProperties") is not False:
        _reject(path, "'additionalProperties' must be false")
    required = node.get("required", [])
    for name in node.get("properties", {}):
        if name not in required:
            _reject(path, f"{name!r} must be in 'required' (let its type include null where it is optional)")


def _nodes(node: Any, path: str, depth: int) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """All schemas within a schema, with their paths and the number of objects around and including each."""
    if not isinstance(node, Mapping):
        _reject(path, "a schema must be an object")
    depth += _is_object(node)
    yield path, depth, node
    for name, child in node.get("properties", {}).items():
        yield from _nodes(child, f"{path}.properties.{name}", depth)
    for keyword in ("$defs", "definitions"):
        for name, child in node.get(keyword, {}).items():
            yield from _nodes(child, f"{path}.{keyword}.{name}", 0)
    if "items" in node:
        yield from _nodes(node["items"], f"{path}.items", depth)
    for index, child in enumerate(node.get("anyOf", ())):
        yield from _nodes(child, f"{path}.anyOf[{index}]", depth)


def _is_object(node: Mapping[str, Any]) -> bool:
    kinds = node.get("type", ())
    return "properties" in node or kinds == "object" or "object" in kinds


def _reject(path: str, reason: str) -> None:
    raise ConfigurationError(f"The output schema can't be used for structured output: at {path}, {reason}.", field=path)
