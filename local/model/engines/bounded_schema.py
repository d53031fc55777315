"""Keeps small models from going on without end: texts and arrays of a schema get a largest size.

Strict schemas can't say how long a text or an array may be, and a small model may repeat itself until its tokens are
used up, in the middle of its JSON. The grammar made from a schema with bounds ends it in time.
"""

import json
from collections.abc import Mapping
from typing import Any

# Characters of a text and elements of an array; the first that fit are taken.
_BOUNDS = ((1000, 20), (500, 10), (300, 6), (200, 4), (120, 3), (80, 3), (60, 2), (40, 2), (30, 1), (15, 1))
_PUNCTUATION = 8
_NUMBER_CHARS = 20
_MOST_DEPTH = 20


def bounded(schema: Mapping[str, Any], most_tokens: int | None) -> dict[str, Any]:
    """A copy of a schema whose largest answer fits the tokens: at worst, a token is a character.

    Bounds that the schema has stay. Maps (`additionalProperties`) are not bounded: grammars can't.

    Args:
        most_tokens: None bounds only arrays of enum values, to as many elements as there are values.
    """
    sizes = ((None, None), *_BOUNDS) if most_tokens is None else _BOUNDS
    for chars, elements in sizes:
        copy: dict[str, Any] = _copied(schema, chars, elements)
        if most_tokens is None or _largest(copy, copy, 0) <= most_tokens:
            return copy
    return copy


def _copied(node: Any, chars: int | None, elements: int | None) -> Any:
    if isinstance(node, list):
        return [_copied(item, chars, elements) for item in node]
    if not isinstance(node, Mapping):
        return node
    copy = {key: _copied(value, chars, elements) for key, value in node.items()}
    kinds = copy.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    items = copy.get("items")
    if "array" in kinds and isinstance(items, Mapping):
        least = copy.get("minItems", 0)
        if isinstance(values := items.get("enum"), list):
            copy.setdefault("maxItems", max(least, len(values)))
        elif elements is not None:
            copy.setdefault("maxItems", max(least, elements))
    if "string" in kinds and chars is not None and not copy.keys() & {"enum", "const", "pattern", "format"}:
        copy.setdefault("maxLength", max(copy.get("minLength", 0), chars))
    return copy


def _largest(node: Any, root: Mapping[str, Any], depth: int) -> int:
    """Characters of the largest value, about."""
    if not isinstance(node, Mapping) or depth > _MOST_DEPTH:
        return _NUMBER_CHARS
    if isinstance(reference := node.get("$ref"), str):
        return _largest(root.get("$defs", {}).get(reference.rpartition("/")[2]), root, depth + 1)
    choices = node.get("anyOf") or node.get("oneOf")
    if isinstance(choices, list):
        return max(_largest(choice, root, depth + 1) for choice in choices)
    if isinstance(values := node.get("enum"), list):
        return max((len(json.dumps(value)) for value in values), default=0) + _PUNCTUATION
    if isinstance(properties := node.get("properties"), Mapping):
        parts = (
            len(json.dumps(name)) + _PUNCTUATION + _largest(part, root, depth + 1) for name, part in properties.items()
        )
        return sum(parts) + _PUNCTUATION
    if "items" in node:
        return int(node.get("maxItems", 1)) * (_largest(node["items"], root, depth + 1) + 2) + _PUNCTUATION
    return int(node.get("maxLength", _NUMBER_CHARS)) + _PUNCTUATION
