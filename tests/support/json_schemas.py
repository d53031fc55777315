"""Hypothesis strategies of small JSON schemas that can be satisfied."""

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

_NAMES = st.sampled_from(
    ["summary", "score", "label", "sentiment", "tags", "language", "count", "is_urgent", "items", "email", "x", "größe"]
)
_WORDS = st.text("abcdefghij äß", min_size=1, max_size=8)
_DESCRIPTIONS = st.sampled_from(["", "the topic", "from 0 to 10", "what to do next", "low: calm; high: angry"])


def strict_schemas(max_leaves: int = 8) -> st.SearchStrategy[Schema]:
    """Schemas that structured output accepts with `strict`: the root is an object."""
    return st.dictionaries(_NAMES, _nodes(_strict_leaves(), max_leaves), min_size=1, max_size=4).map(_closed_object)


def loose_schemas(max_leaves: int = 8) -> st.SearchStrategy[Schema]:
    """Schemas with bounds, formats, references and optional properties: the root is an object."""
    return st.builds(
        _open_object,
        st.dictionaries(_NAMES, _nodes(_strict_leaves() | _bounded_leaves(), max_leaves), min_size=1, max_size=4),
        st.integers(0, 4),
    )


def _nodes(leaves: st.SearchStrategy[Schema], max_leaves: int) -> st.SearchStrategy[Schema]:
    # Structured output allows 5 levels of objects; three levels of lists and objects stay below that.
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda items: {"type": "array", "items": items}),
            inner.map(lambda one: {"anyOf": [one, {"type": "null"}]}),
            st.dictionaries(_NAMES, inner, min_size=1, max_size=3).map(_closed_object),
        ),
        max_leaves=max_leaves,
    ).filter(lambda schema: _depth(schema) <= 4)


def _strict_leaves() -> st.SearchStrategy[Schema]:
    kinds = st.sampled_from(["string", "number", "integer", "boolean", ["string", "null"], ["integer", "null"]])
    plain = st.builds(lambda kind, description: {"type": kind, "description": description}, kinds, _DESCRIPTIONS)
    enums = st.lists(_WORDS, min_size=1, max_size=5, unique=True).map(lambda values: {"type": "string", "enum": values})
    return plain | enums | st.just({"const": 7})


def _bounded_leaves() -> st.SearchStrategy[Schema]:
    low = st.integers(-50, 50)
    numbers = st.builds(
        lambda kind, low, width, step: {
            "type": kind,
            "minimum": low,
            "maximum": low + width * step,
            "multipleOf": step,
        },
        st.sampled_from(["number", "integer"]),
        low,
        st.integers(2, 20),
        st.sampled_from([1, 2, 5]),
    )
    exclusive = st.builds(
        lambda low, width: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + width},
        low,
        st.floats(0.001, 3),
    )
    texts = st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 30),
        st.integers(0, 300),
    )
    arrays = st.builds(
        lambda least, more: {
            "type": "array",
            "items": {"type": "string"},
            "minItems": least,
            "maxItems": least + more,
            "uniqueItems": True,
        },
        st.integers(0, 5),
        st.integers(0, 5),
    )
    formats = st.sampled_from(["date", "email", "uuid"]).map(lambda name: {"type": "string", "format": name})
    mixed = st.lists(st.none() | st.booleans() | st.integers(-3, 3) | _WORDS, min_size=1, max_size=4)
    enums = mixed.map(lambda values: {"enum": values})
    return st.one_of(numbers, exclusive, texts, arrays, formats, enums)


def _closed_object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _open_object(properties: dict[str, Schema], required: int) -> Schema:
    """Some properties are required, and the first can be reached by reference too."""
    first = next(iter(properties))
    return {
        "type": "object",
        "properties": {**properties, "again": {"$ref": f"#/properties/{first}"}},
        "required": ["again", *list(properties)[:required]],
    }


def _depth(schema: Any) -> int:
    if isinstance(schema, dict):
        return ("properties" in schema) + max((_depth(part) for part in schema.values()), default=0)
    if isinstance(schema, list):
        return max((_depth(part) for part in schema), default=0)
    return 0
