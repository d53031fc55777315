"""Checks quotes: only what an input literally says is evidence."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_QUOTES = 50


@dataclass(frozen=True, slots=True)
class Quote:
    """A passage of an input.

    Attributes:
        text: the input's own letters, `start` to `end` counted in characters (Unicode code points).
        said: as the model wrote it: the same but for white space.
    """

    input: str
    text: str
    start: int
    end: int
    said: str

    def as_json(self) -> dict[str, Any]:
        """As it stands in a result."""
        return {"input": self.input, "quote": self.text, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is left of a model's quotes.

    Attributes:
        quotes: each once, in the order in which they were given.
        dropped: how many aren't in the inputs.
    """

    quotes: tuple[Quote, ...] = ()
    dropped: int = 0


def checked(given: Iterable[Mapping[str, Any]], inputs: Mapping[str, str]) -> Evidence:
    """Look each quote up.

    A quote may differ in white space only (a line break for a space). One that isn't in the input that it names, but
    in another, is moved there. Quotes beyond MAX_QUOTES are not looked at.

    Args:
        given: objects with `input` and `quote`.
        inputs: texts by their ids.
    """
    found: dict[tuple[str, int, int], Quote] = {}
    dropped = 0
    for one in list(given)[:MAX_QUOTES]:
        quote = _found(str(one.get("input", "")), str(one.get("quote", "")), inputs)
        if quote is None:
            dropped += 1
        else:
            found.setdefault((quote.input, quote.start, quote.end), quote)
    return Evidence(tuple(found.values()), dropped)


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Where a text has a quote, white space apart; None where it doesn't, or where the quote has no word."""
    words = quote.split()
    if not any(character.isalnum() for character in quote):
        return None
    exact = text.find(quote.strip())
    if exact >= 0:
        return exact, exact + len(quote.strip())
    match = re.search(r"\s++".join(map(re.escape, words)), text)
    return match.span() if match else None


def _found(name: str, quote: str, inputs: Mapping[str, str]) -> Quote | None:
    order = [name, *(other for other in inputs if other != name)] if name in inputs else list(inputs)
    for candidate in order:
        if span := find_quote(inputs[candidate], quote):
            return Quote(candidate, inputs[candidate][slice(*span)], *span, said=quote.strip())
    return None
