"""Turns a JSON schema into one that strict mode accepts and that allows every answer the first one wants, and back.

Structured output in strict mode knows a part of JSON schema (strict_schema.py). What it doesn't know and what only
narrows the answer (lengths, patterns, ranges) is left out of what is sent, and checked by us; properties that may be
missing are asked for with null allowed, and such nulls are taken out of the answer again. Objects that are open are
asked for with the properties that they name. A schema that can't be said so (maps, tuples, conditions, untyped parts)
is sent without strict mode.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from shared.errors import ConfigurationError
from shared.model.strict_schema import check_strict_schema
from shared.model.validators import validator_for

_MAX_ENUM_VALUES = 500
_ANNOTATIONS = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema")
)
# They narrow the answer and add nothing to it.
_NARROWING = frozenset(
    (
        *("minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType", "contentSchema"),
        *("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"),
        *("propertyNames", "minProperties", "maxProperties", "dependentRequired"),
        *("contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems", "not"),
    )
)
_KNOWN = _ANNOTATIONS | _NARROWING
_SCALARS = {"string", "number", "integer", "boolean", "null"}


class NotStrictError(ValueError):
    """Strict mode can't say this."""


class Relaxed:
    """What became of a schema.

    Attributes:
        schema: for strict mode, without `$defs`.
        definitions: what the schema's `$defs` became.
        narrowed: whether something was left out, so that an answer may fit the schema sent and not the caller's.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.narrowed = False
        self.definitions = {name: self._relax(node) for name, node in root.get("$defs", {}).items()}
        self.schema = self._relax({name: value for name, value in root.items() if name != "$defs"})

    def _relax(self, node: Any) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            raise NotStrictError
        if "$ref" in node:
            self._only(node, "$ref")
            return {"$ref": node["$ref"]}
        described = {"description": node["description"]} if node.get("description") else {}
        for keyword in ("anyOf", "oneOf"):
            if keyword in node:
                self._only(node, keyword)
                self.narrowed |= keyword == "oneOf"
                return {"anyOf": [self._relax(choice) for choice in node[keyword]], **described}
        if "allOf" in node:
            self._only(node, "allOf")
            if len(node["allOf"]) != 1:
                raise NotStrictError
            return {**self._relax(node["allOf"][0]), **described}
        if "enum" in node or "const" in node:
            return {**self._enum(node), **described}
        return {**self._typed(node), **described}

    def _typed(self, node: Mapping[str, Any]) -> dict[str, Any]:
        given = node.get("type") or ("object" if "properties" in node else "array" if "items" in node else None)
        kinds = [given] if isinstance(given, str) else list(given or ())
        if not kinds:
            raise NotStrictError
        relaxed: dict[str, Any] = {"type": given}
        own = {"type"}
        if "object" in kinds:
            own |= {"properties", "required", "additionalProperties"}
            relaxed |= self._object(node)
        if "array" in kinds:
            own |= {"items"}
            relaxed["items"] = self._relax(node.get("items"))
        self._only(node, *own)
        return relaxed

    def _object(self, node: Mapping[str, Any]) -> dict[str, Any]:
        properties, required = node.get("properties", {}), node.get("required", [])
        others = node.get("additionalProperties", True)
        if isinstance(others, Mapping) or (others and not properties) or not set(required) <= set(properties):
            raise NotStrictError
        asked = {name: self._relax(child) for name, child in properties.items()}
        optional = {name: _or_null(child) for name, child in asked.items() if name not in required}
        return {"properties": asked | optional, "required": list(properties), "additionalProperties": False}

    def _enum(self, node: Mapping[str, Any]) -> dict[str, Any]:
        self._only(node, "enum", "const", "type")
        given = node.get("type", list(_SCALARS))
        allowed = {given} if isinstance(given, str) else set(given)
        allowed |= {"integer"} if "number" in allowed else set()
        values = [node["const"]] if "const" in node else node["enum"]
        values = [value for value in values if _kind(value) in allowed]
        if not values or len(values) > _MAX_ENUM_VALUES:
            raise NotStrictError
        kinds = list(dict.fromkeys(_kind(value) for value in values))
        return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}

    def _only(self, node: Mapping[str, Any], *keywords: str) -> None:
        """Refuse what says more than these keywords; note what is left out."""
        if any(_says(keyword) for keyword in node.keys() - _KNOWN - set(keywords)):
            raise NotStrictError
        self.narrowed |= not _NARROWING.isdisjoint(node)


def relaxed(schema: Mapping[str, Any]) -> Relaxed | None:
    """The schema for strict mode; None where there is none.

    Args:
        schema: accepted by check_caller_schema.
    """
    try:
        return Relaxed(schema)
    except NotStrictError:
        return None


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether strict mode accepts the whole schema that is to be sent."""
    try:
        check_strict_schema(schema)
    except ConfigurationError:
        return False
    return True


def without_asked_nulls(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """An answer without the nulls that stand for properties left out.

    Args:
        schema: the caller's, or a part of it.
        root: where its `$defs` are.
    """
    return _Pruning(root).pruned(value, schema)


class _Pruning:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._definitions = root.get("$defs", {})
        self._validator = validator_for(root)

    def pruned(self, value: Any, schema: Any) -> Any:
        if not isinstance(schema, Mapping):
            return value
        if "$ref" in schema:
            value = self.pruned(value, self._definitions.get(schema["$ref"].rpartition("/")[2]))
        for part in schema.get("allOf", ()):
            value = self.pruned(value, part)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                value = self._of_choices(value, schema[keyword])
        if isinstance(value, dict):
            return self._object(value, schema)
        if isinstance(value, list) and "items" in schema:
            return [self.pruned(item, schema["items"]) for item in value]
        return value

    def _of_choices(self, value: Any, choices: Iterable[Any]) -> Any:
        """As the first choice that it then fits."""
        if self._fits_one(value, choices):
            return value
        for choice in choices:
            candidate = self.pruned(value, choice)
            if self._fits(candidate, choice):
                return candidate
        return value

    def _object(self, value: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        return {
            name: self.pruned(part, properties.get(name))
            for name, part in value.items()
            if part is not None or name in required or name not in properties or self._fits(None, properties[name])
        }

    def _fits_one(self, value: Any, choices: Iterable[Any]) -> bool:
        return any(self._fits(value, choice) for choice in choices)

    def _fits(self, value: Any, schema: Any) -> bool:
        return bool(self._validator.evolve(schema=schema).is_valid(value))


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = schema.get("type")
    if kinds is None:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if "null" in kinds:
        return schema
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [*kinds, "null"], **values}


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
    return "other"


def _says(keyword: str) -> bool:
    """Whether a keyword means something: unknown ones are annotations."""
    return keyword in Draft202012Validator.VALIDATORS or keyword in ("then", "else", "minContains", "maxContains")
