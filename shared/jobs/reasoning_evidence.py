"""Checks quotes: only what an input literally says is evidence."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

MAX_QUOTES = 50

_WORD = re.compile(r"\S+")


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
    texts = {name: QuotableText(text) for name, text in inputs.items()}
    found: dict[tuple[str, int, int], Quote] = {}
    dropped = 0
    for one in list(given)[:MAX_QUOTES]:
        quote = _found(str(one.get("input", "")), str(one.get("quote", "")), texts)
        if quote is None:
            dropped += 1
        else:
            found.setdefault((quote.input, quote.start, quote.end), quote)
    return Evidence(tuple(found.values()), dropped)


class QuotableText:
    """A text that quotes are looked up in. Looking takes time in proportion to the text, whatever the quote is."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _flat(self) -> str:
        """With one space for each run of white space."""
        return " ".join(self.text.split())

    def find(self, quote: str) -> tuple[int, int] | None:
        """Where the text has a quote, white space apart; None where it doesn't, or where the quote has no word."""
        if not any(character.isalnum() for character in quote):
            return None
        exact = self.text.find(quote.strip())
        if exact >= 0:
            return exact, exact + len(quote.strip())
        wanted = " ".join(quote.split())
        start = self._flat.find(wanted)
        return (self._place(start), self._place(start + len(wanted) - 1) + 1) if start >= 0 else None

    def _place(self, flat: int) -> int:
        """Where a character of the flat text, no space, is in the text."""
        words_before = self._flat.count(" ", 0, flat)
        word = next(islice(_WORD.finditer(self.text), words_before, None))
        return word.start() + flat - (self._flat.rfind(" ", 0, flat) + 1)


def _found(name: str, quote: str, texts: Mapping[str, QuotableText]) -> Quote | None:
    order = [name, *(other for other in texts if other != name)] if name in texts else list(texts)
    for candidate in order:
        if span := texts[candidate].find(quote):
            return Quote(candidate, texts[candidate].text[slice(*span)], *span, said=quote.strip())
    return None
