"""Words of spoken text, in scripts with spaces and without."""

import re
import unicodedata
from collections.abc import Iterable

# Scripts that are written without spaces between words: Thai to Tibetan, Burmese, Khmer, kana, Han. Each of their
# characters counts as a word, with the marks on it and the punctuation after it.
_UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = "".join(chr(code) for code in range(0x0E00, 0x3100) if unicodedata.category(chr(code)).startswith("M"))
_PUNCTUATION = "\u3000-\u303f\uff01-\uff0f\uff1a-\uff20"
_WORD = re.compile(rf"[{_UNSPACED}][{_MARKS}{_PUNCTUATION}]*|[^\s{_UNSPACED}]+")
_UNSPACED_EDGE = re.compile(rf"[{_UNSPACED}{_PUNCTUATION}]")


def plain(text: str) -> str:
    """The text on one line: single spaces, no control characters, nothing that isn't Unicode text."""
    spaced = ("".join(c for c in word if unicodedata.category(c) not in ("Cc", "Cs")) for word in text.split())
    return " ".join(filter(None, spaced))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text begin and end, in characters. Between them is nothing but spaces."""
    return [match.span() for match in _WORD.finditer(text)]


def word_key(word: str) -> str:
    """What two words have in common that sound alike: without case and punctuation."""
    letters = "".join(c for c in unicodedata.normalize("NFKC", word).casefold() if c.isalnum())
    return letters or word


def joined(parts: Iterable[str]) -> str:
    """Pieces of text as one, with spaces where the script has spaces."""
    whole: list[str] = []
    for part in filter(None, parts):
        if whole and not (_UNSPACED_EDGE.match(whole[-1][-1]) or _UNSPACED_EDGE.match(part[0])):
            whole.append(" ")
        whole.append(part)
    return "".join(whole)
