"""Ways to spoil an answer: cut it, make it no JSON, make it break its schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

from shared.model.encodings import encoding_name, load_encoding


def cut_to_tokens(text: str, limit: int, model: str) -> str:
    """The first `limit` tokens of a text."""
    encoding = load_encoding(encoding_name(model))
    tokens = encoding.encode_ordinary(text)
    return text if len(tokens) <= limit else encoding.decode(tokens[:limit])


def not_json(text: str) -> str:
    """What models say when they forget that only JSON was asked for."""
    return f"Here is the result you asked for: {text[:-1]}"


def violating(text: str, schema: Mapping[str, Any]) -> str:
    """JSON that breaks the schema and stays as near to the answer as it can.

    A schema that allows everything can't be broken: then the text is returned as it is.
    """
    validator = jsonschema.Draft202012Validator(schema)
    for candidate in _candidates(text):
        if not validator.is_valid(candidate):
            return json.dumps(candidate, ensure_ascii=False)
    return text


def _candidates(text: str) -> Iterator[Any]:
    """Variations of a JSON text, the subtle ones first."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict):
        for name in reversed(value):
            yield {key: part for key, part in value.items() if key != name}
        yield value | {"unexpected": True}
    yield from ({}, [], "unexpected", None)
