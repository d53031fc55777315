"""Fills a JSON schema with values: this file knows JSON Schema, a `Values` object knows what to put in.

Understood: type (also lists of types), enum, const, properties, required, additionalProperties, items, prefixItems,
minItems, maxItems, uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength,
format (date, date-time, time, email, uri, uuid), anyOf, oneOf, allOf and local $ref, recursive ones included.
uniqueItems makes texts and enum values differ; elements of other types may still be equal.
Not understood, and ignored: pattern, not, if/then/else, dependent*, contains, patternProperties, minProperties.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from local.model.schema_numbers import NumberRange

_MOST_DEPTH = 8
_MOST_ITEMS = 100
_FORMATS = {
    "date": "2024-01-01",
    "date-time": "2024-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "nobody@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
Schema = Mapping[str, Any]


class UnfillableError(ValueError):
    """The schema can't be filled: an endless recursion, or a $ref that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a value goes.

    Attributes:
        name: the property's name; of array elements, the array's; "" at the top.
        parent: the name of the object or array around it.
        description: the schema's own words.
    """

    name: str
    parent: str
    description: str


class Values(Protocol):
    """Decides what goes where."""

    def text(self, field: Field, limit: int | None) -> str: ...

    def number(self, field: Field, allowed: NumberRange) -> float: ...

    def boolean(self, field: Field) -> bool: ...

    def choose(self, field: Field, options: Sequence[Any], most: int) -> list[Any]:
        """1 to `most` of the options (at least one), the best first."""
        ...

    def count(self, field: Field, least: int, most: int) -> int:
        """How many elements an array gets."""
        ...

    def element(self, field: Field, index: int) -> "Values":
        """What decides for the index-th element of an array of objects or texts, which goes into this field."""
        ...


def fill(schema: Schema, values: Values) -> Any:
    """A value that fits the schema.

    Raises:
        UnfillableError: see there.
    """
    return _Filler(schema).fill(schema, values, Field("", "", ""), 0)


class _Filler:
    def __init__(self, root: Schema) -> None:
        self._root = root

    def fill(self, schema: Any, values: Values, field: Field, depth: int) -> Any:
        schema = self._resolved(schema, values, depth)
        field = Field(field.name, field.parent, str(schema.get("description", field.description)))
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return values.choose(field, self._of_type(schema), 1)[0]
        match _type_of(schema):
            case "object":
                return self._object(schema, values, field, depth)
            case "array":
                return self._array(schema, values, field, depth)
            case "string":
                return _fitted(values, field, schema)
            case "number" | "integer" as kind:
                allowed = NumberRange.of(schema, integer=kind == "integer")
                return allowed.fit(values.number(field, allowed))
            case "boolean":
                return values.boolean(field)
        return None

    def _resolved(self, schema: Any, values: Values, depth: int) -> Schema:
        """The schema without $ref, allOf, anyOf and oneOf at its top."""
        seen = 0
        while True:
            if schema is True:
                return {}
            if not isinstance(schema, Mapping) or seen > _MOST_DEPTH:
                raise UnfillableError("the schema allows no value, or refers to itself without end")
            seen += 1
            rest = {key: value for key, value in schema.items() if key not in {"$ref", "allOf", "anyOf", "oneOf"}}
            if "$ref" in schema:
                schema = {**self._target(schema["$ref"]), **rest}
            elif "allOf" in schema:
                schema = _merged([rest, *(self._resolved(part, values, depth) for part in schema["allOf"])])
            elif choices := schema.get("anyOf") or schema.get("oneOf"):
                schema = {**rest, **self._resolved(_chosen(choices, depth), values, depth)}
            else:
                return schema

    def _target(self, reference: str) -> Schema:
        node: Any = self._root
        if not reference.startswith("#"):
            raise UnfillableError(f"$ref {reference!r} does not begin with '#'")
        for part in reference[1:].split("/")[1:]:
            node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping):
            raise UnfillableError(f"$ref {reference!r} leads nowhere")
        return node

    @staticmethod
    def _of_type(schema: Schema) -> Sequence[Any]:
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        fitting = [value for value in schema["enum"] if not kinds or _json_type(value) & set(kinds)]
        return fitting or list(schema["enum"])

    def _object(self, schema: Schema, values: Values, field: Field, depth: int) -> dict[str, Any]:
        properties = dict(schema.get("properties", {}))
        required = schema.get("required", [])
        if depth >= _MOST_DEPTH:
            properties = {name: part for name, part in properties.items() if name in required}
            if depth >= 3 * _MOST_DEPTH:
                raise UnfillableError("the schema is nested too deeply, or requires itself without end")
        other = schema.get("additionalProperties", {})
        properties |= {name: other for name in required if name not in properties and other is not False}
        return {
            name: self.fill(part, values, Field(name, field.name, ""), depth + 1) for name, part in properties.items()
        }

    def _array(self, schema: Schema, values: Values, field: Field, depth: int) -> list[Any]:
        first = schema.get("prefixItems", [])
        items = schema.get("items", {})
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", _MOST_ITEMS), max(least, _MOST_ITEMS))
        filled = [self.fill(part, values, field, depth + 1) for part in first[:most]]
        if items is False or (depth >= _MOST_DEPTH and least <= len(filled)):
            return filled
        left = (max(0, least - len(filled)), most - len(filled))
        resolved = self._resolved(items, values, depth + 1)
        if options := resolved.get("enum"):
            chosen = values.choose(field, self._of_type(resolved), left[1]) if left[1] else []
            spare = [option for option in options if option not in chosen]
            chosen += spare[: max(0, left[0] - len(chosen))]
            return filled + (chosen * (left[0] // len(chosen) + 1))[: max(len(chosen), left[0])] if chosen else filled
        wanted = values.count(field, *left)
        for index in range(wanted):
            filled.append(self.fill(resolved, values.element(field, index), field, depth + 1))
        return _distinct(filled, least) if schema.get("uniqueItems") else filled


def _chosen(choices: Sequence[Any], depth: int) -> Any:
    """The first choice that holds something; deep inside, null where it may be."""
    nothing = [choice for choice in choices if isinstance(choice, Mapping) and choice.get("type") == "null"]
    something = [choice for choice in choices if choice not in nothing and choice is not False]
    if nothing and (depth >= _MOST_DEPTH or not something):
        return nothing[0]
    return something[0] if something else False


def _merged(parts: Sequence[Schema]) -> Schema:
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if key == "properties":
                value = {**merged.get(key, {}), **value}
            elif key == "required":
                value = list(dict.fromkeys([*merged.get(key, []), *value]))
            merged[key] = value
    return merged


def _type_of(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind:
        return str(kind)
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema or "minItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema or "multipleOf" in schema:
        return "number"
    return "string"


def _json_type(value: Any) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number", "integer"} if value.is_integer() else {"number"}
        case str():
            return {"string"}
    return {"object"} if isinstance(value, Mapping) else {"array"}


def _fitted(values: Values, field: Field, schema: Schema) -> str:
    if known := _FORMATS.get(schema.get("format", "")):
        return known
    least: int = schema.get("minLength", 0)
    most: int | None = schema.get("maxLength")
    text = values.text(field, most)[:most]
    return text + "." * (least - len(text))


def _distinct(elements: list[Any], least: int) -> list[Any]:
    """Without duplicates; texts are numbered where the schema demands more than differ. Other types can be too few."""
    unique: list[Any] = []
    for element in elements:
        if element not in unique:
            unique.append(element)
    while len(unique) < least and isinstance(unique[-1], str):
        unique.append(f"{unique[0]} {len(unique) + 1}")
    return unique
