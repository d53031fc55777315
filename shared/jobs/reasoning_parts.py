"""Splits inputs into parts that fit one call, at paragraphs, lines or sentences where it can."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

type CountTokens = Callable[[str], int]

# Where a text may be cut, the best first: after an empty line, a line, a sentence; before the space before a word.
_BORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n[^\S\n]*\n\s*",
        r"\n",
        r"[.!?…][\"'\u201d\u2019)\]]*\s+|[\u3002\uff01\uff1f]",
        r"(?<=\S)(?=\s)",
    )
)
# What parts are put together from: small enough that little of a part stays empty, large enough to be read.
_UNITS_PER_PART = 16
_MIN_UNIT_TOKENS = 100


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters `start` to `end` of one input, given by its index."""

    input: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Unit:
    start: int
    end: int
    tokens: int


def split_inputs(
    texts: Sequence[str], part_tokens: int, overlap_tokens: int, label_tokens: int, count: CountTokens
) -> list[tuple[Passage, ...]]:
    """Pack inputs into parts.

    Every character lies in a passage; passages of one input that follow each other overlap by up to `overlap_tokens`,
    so that what is said across a border is read whole. Short inputs share a part.

    Args:
        part_tokens: of all passages of a part, with their labels.
        label_tokens: what the prompt writes around a passage.
        count: counts the tokens of a text.
    """
    room = part_tokens - label_tokens
    parts: list[tuple[Passage, ...]] = []
    open_part: list[Passage] = []
    left = part_tokens
    for index, text in enumerate(texts):
        for start, end, tokens in split_text(text, room, min(overlap_tokens, room // 4), count):
            if tokens + label_tokens > left:
                parts.append(tuple(open_part))
                open_part, left = [], part_tokens
            open_part.append(Passage(index, start, end))
            left -= tokens + label_tokens
    return [*parts, tuple(open_part)] if open_part else parts


def split_text(text: str, limit: int, overlap_tokens: int, count: CountTokens) -> Iterator[tuple[int, int, int]]:
    """Split one text.

    Yields:
        Start, end and tokens of each piece; at most `limit` tokens, counted by the units that it is made of.
    """
    piece: list[_Unit] = []
    tokens = 0
    for unit in _finer(text, 0, len(text), 0, min(limit, max(_MIN_UNIT_TOKENS, limit // _UNITS_PER_PART)), count):
        if tokens + unit.tokens > limit:
            yield piece[0].start, piece[-1].end, tokens
            piece = _overlap(piece, min(overlap_tokens, limit - unit.tokens))
            tokens = sum(one.tokens for one in piece)
        piece.append(unit)
        tokens += unit.tokens
    if piece:
        yield piece[0].start, piece[-1].end, tokens


def _overlap(piece: Sequence[_Unit], tokens: int) -> list[_Unit]:
    """The last units of a piece, as many as fit, but never all of it."""
    kept: list[_Unit] = []
    for unit in reversed(piece[1:]):
        if tokens <= 0 or unit.tokens > tokens:
            break
        tokens -= unit.tokens
        kept.insert(0, unit)
    return kept


def _finer(text: str, start: int, end: int, border: int, limit: int, count: CountTokens) -> Iterator[_Unit]:
    """Pieces of at most `limit` tokens that follow each other, as large as borders from the given one on allow."""
    # Tokens of 50 characters are rare enough not to look for them.
    tokens = count(text[start:end]) if end - start <= 50 * limit else limit + 1
    if tokens <= limit or end - start == 1:
        yield _Unit(start, end, tokens)
        return
    if border == len(_BORDERS):
        middle = (start + end) // 2
        yield from _finer(text, start, middle, border, limit, count)
        yield from _finer(text, middle, end, border, limit, count)
        return
    at = start
    for found in _BORDERS[border].finditer(text, start, end):
        if found.end() < end:
            yield from _finer(text, at, found.end(), border + 1, limit, count)
            at = found.end()
    yield from _finer(text, at, end, border + 1, limit, count)
