"""Merges the transcripts of chunks into one, without repeats at the seams. Pure.

Chunks that meet in a silence don't overlap: their transcripts follow each other. Where speech had to be cut, both
chunks hold the same few seconds. There the end of the one transcript and the beginning of the other are aligned word by
word, and the cut is made at the word that both heard and that is as far from the end of the one as from the beginning
of the other: a recogniser errs at the edges of what it hears. What has nothing in common is kept whole.

Words count for more than times: Whisper gives times for segments, not for words, and is known to be some seconds off.
Only where words and times agree completely nothing else is looked at, so that what was said twice stays there twice.

Weakness: where they don't agree, the same words said twice at a seam may be taken for one another.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from shared.audio.transcript import Segment, segment
from shared.audio.words import word_key, word_spans

_ROUNDING_S = 1e-6
# What a guess may be off, of the distance to the nearer end of the segment: speech isn't even.
_UNEVENNESS = 0.5
# Beyond that, what two recognisers may be apart that heard the same: those that agree, and Whisper at its worst.
_AGREEMENT_S = 0.1
_WORST_S = 5.0

# An alignment is worth the letters of the words in it, up to six of each (the, a, of are found everywhere), less a
# quarter of those that it leaves out. One that is worth less than this may be chance, unless the times agree, too.
_MOST_LETTERS = 6
_LEFT_OUT = 0.25
_NO_CHANCE = 8.0
_TIMELY_S = 0.5


@dataclass(frozen=True, slots=True)
class HeardChunk:
    """What was heard in one chunk.

    Attributes:
        start_s, end_s: of the chunk, in seconds of the whole.
        segments: with times in seconds of the chunk; none where the model gives no times.
        text: of the chunk, for where there are no segments.
    """

    start_s: float
    end_s: float
    segments: Sequence[Segment]
    text: str = ""


def merge(chunks: Iterable[HeardChunk]) -> tuple[Segment, ...]:
    """Make one transcript of the chunks of a recording.

    Segments that lie wholly beyond the end of their chunk are left out: Whisper invents such in the silence with which
    it fills up short audio. Others are cut off where the chunk ends.

    Args:
        chunks: in their order.
    """
    words: list[_Word] = []
    end_s = 0.0
    for chunk in chunks:
        heard = [word for spoken in _spoken(chunk) for word in _words(spoken)]
        words = _stitched(words, end_s, heard, chunk.start_s)
        end_s = max(end_s, chunk.end_s)
    return tuple(_in_order(_regrouped(words)))


@dataclass(frozen=True, slots=True)
class _Word:
    """A word, and where it stands in its segment's text.

    Attributes:
        start_s, end_s: guessed by the length of the text before it.
        drift_s: how far off the guess may be. Nothing where the word is the whole segment.
    """

    key: str
    start_s: float
    end_s: float
    drift_s: float
    begin: int
    end: int
    segment: Segment

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


def _spoken(chunk: HeardChunk) -> list[Segment]:
    """What was heard, in seconds of the whole."""
    length_s = chunk.end_s - chunk.start_s
    heard = chunk.segments or [Segment(0.0, length_s, chunk.text)]
    within = [s for s in heard if s.start_s < length_s]
    found = (
        segment(chunk.start_s + max(0.0, s.start_s), chunk.start_s + min(length_s, max(0.0, s.end_s)), s.text)
        for s in within
    )
    return sorted(filter(None, found), key=lambda s: s.start_s)


def _words(spoken: Segment) -> list[_Word]:
    length_s = spoken.end_s - spoken.start_s

    def guess(position: int) -> float:
        return spoken.start_s + length_s * position / len(spoken.text)

    def drift(at_s: float) -> float:
        return _UNEVENNESS * min(at_s - spoken.start_s, spoken.end_s - at_s)

    words = []
    for begin, end in word_spans(spoken.text):
        start_s, end_s = guess(begin), guess(end)
        drift_s = max(drift(start_s), drift(end_s))
        words.append(_Word(word_key(spoken.text[begin:end]), start_s, end_s, drift_s, begin, end, spoken))
    return words


def _stitched(before: list[_Word], before_end_s: float, after: list[_Word], after_start_s: float) -> list[_Word]:
    """The words of both, those of the overlap once."""
    if before_end_s - after_start_s <= _ROUNDING_S:
        return before + after
    # What lies within the overlap by its times.
    left = [w for w in before if w.start_s >= after_start_s - _ROUNDING_S]
    right = [w for w in after if w.end_s <= before_end_s + _ROUNDING_S]
    if _agree(left, right):
        return before + after[len(right) :]
    # What may lie within the overlap: the last words of the one, the first words of the other.
    first = _first(before, lambda w: w.end_s + w.drift_s >= after_start_s - _WORST_S)
    end = _first(after, lambda w: w.start_s - w.drift_s > before_end_s + _WORST_S)
    left, right = before[first:], after[:end]
    pairs = _aligned(left, right)
    if not pairs:
        return before + after

    def imbalance(pair: tuple[int, int]) -> float:
        """How much farther from the beginning of the one chunk than from the end of the other."""
        i, j = pair
        return abs((right[j].middle_s - after_start_s) - (before_end_s - left[i].middle_s))

    i, j = min(pairs, key=imbalance)
    return before[: first + i + 1] + after[j + 1 :]


def _first(words: Sequence[_Word], holds: Callable[[_Word], bool]) -> int:
    """The index of the first word that this holds for; beyond the last, if for none."""
    return next((i for i, word in enumerate(words) if holds(word)), len(words))


def _agree(left: Sequence[_Word], right: Sequence[_Word]) -> bool:
    """Whether both heard the same words at the same times."""
    return len(left) == len(right) and all(
        one.key == other.key and _apart_s(one, other) <= _AGREEMENT_S for one, other in zip(left, right, strict=True)
    )


def _apart_s(one: _Word, other: _Word) -> float:
    """How far apart two words are at least, as their times are guesses."""
    return max(0.0, abs(one.middle_s - other.middle_s) - one.drift_s - other.drift_s)


def _aligned(left: Sequence[_Word], right: Sequence[_Word]) -> list[tuple[int, int]]:
    """The words that both heard: pairs of indices, ascending in both. None where they may be chance.

    The best alignment of an end of `left` with a beginning of `right`.
    """
    # worth[i][j]: of the best alignment of left[i:] with right[j:]. What of the right lies beyond the left is free.
    worth = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        worth[i][-1] = worth[i + 1][-1] - _cost(left[i])
        for j in range(len(right) - 1, -1, -1):
            skipped = max(worth[i + 1][j] - _cost(left[i]), worth[i][j + 1] - _cost(right[j]))
            worth[i][j] = max(skipped, worth[i + 1][j + 1] + _gain(left[i], right[j]))
    # What of the left lies before the right is free.
    i = max(range(len(left) + 1), key=lambda i: worth[i][0])
    total, j, pairs = worth[i][0], 0, []
    while i < len(left) and j < len(right):
        if worth[i][j] == worth[i + 1][j] - _cost(left[i]):
            i += 1
        elif worth[i][j] == worth[i][j + 1] - _cost(right[j]):
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    timely = all(_apart_s(left[i], right[j]) <= _TIMELY_S for i, j in pairs)
    return pairs if timely or total >= _NO_CHANCE else []


def _gain(one: _Word, other: _Word) -> float:
    """What it is worth to take these for the same word; most where they were heard at the same time."""
    apart_s = _apart_s(one, other)
    if one.key != other.key or apart_s > 2 * _WORST_S:
        return -math.inf
    return min(len(one.key), _MOST_LETTERS) * (1 - apart_s / (4 * _WORST_S))


def _cost(word: _Word) -> float:
    return min(len(word.key), _MOST_LETTERS) * _LEFT_OUT


def _regrouped(words: Iterable[_Word]) -> Iterator[Segment]:
    """Segments again: whole where all their words were taken, else what was taken of them."""
    for spoken, group in groupby(words, key=lambda word: word.segment):
        taken = list(group)
        first, last = taken[0], taken[-1]
        yield Segment(first.start_s, last.end_s, spoken.text[first.begin : last.end])


def _in_order(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The segments with starts that never decrease: guesses on both sides of a seam may contradict each other."""
    latest_s = 0.0
    for s in segments:
        latest_s = max(latest_s, s.start_s)
        yield Segment(latest_s, max(latest_s, s.end_s), s.text)
