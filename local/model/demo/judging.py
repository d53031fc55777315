"""Judges an answer by what can be looked up: whether its quotes and its words are in the sources."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from local.model.demo.keywords import keywords
from local.model.demo.material import Source

_QUOTES = re.compile(r"quote|excerpt|passage|citation", re.IGNORECASE)
_SHORTEST_CLAIM_WORDS = 2
# An answer in other words than the sources' can be right all the same.
_KNOWN_WORDS = 0.5
_MOST_WORDS = 200


def unsupported(answer: str, sources: Sequence[Source]) -> list[str]:
    """The texts of an answer that its sources don't support: quotes that aren't literal, claims in foreign words.

    Args:
        answer: a text, or JSON whose texts are looked at one by one.
        sources: none supports everything, as there is nothing to compare with.
    """
    if not sources:
        return []
    try:
        value = json.loads(answer)
    except ValueError:
        value = answer
    whole = "\n".join(source.text for source in sources)
    plain = " ".join(whole.split())
    known = set(keywords(whole, len(whole)))
    wrong = []
    for name, text in _texts(value, ""):
        literal = " ".join(text.split()) in plain
        words = keywords(text, _MOST_WORDS)
        claims = len(words) >= _SHORTEST_CLAIM_WORDS and sum(word in known for word in words) < _KNOWN_WORDS * len(
            words
        )
        if not literal and (claims or _QUOTES.search(name)):
            wrong.append(text)
    return wrong


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """All texts in a JSON value, with the names of their properties."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, name)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, key)
