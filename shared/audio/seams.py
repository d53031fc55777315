"""Merges the transcripts of chunks into one, without repeats at the seams. Pure.

Chunks that meet in a silence don't overlap: their transcripts follow each other. Where speech had to be cut, both
chunks hold the same few seconds. What both heard there is aligned word by word, by the words and by their times; then
the first half of the overlap is taken from the chunk before and the second half from the chunk after, as a recogniser
errs at the edges of what it hears. A word that both heard is taken once, whatever its times say.

Weaknesses: models give times for segments, not for words, so that a word's time is a guess within its segment; with a
model that gives no times at all, within the chunk. A word said twice in a row, both times within the uncertainty of its
time, may then be merged into one.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from shared.audio.transcript import Segment, segment
from shared.audio.words import word_key, word_spans

_CLOSE_S = 0.001
# How far two recognisers are apart that heard the same word at the same time, beside the guess within the segment.
_HEARD_APART_S = 1.0
# How far a guess may be off, of the distance to the nearer end of the segment: speech isn't even.
_UNEVENNESS = 0.5
# What it is worth to take different words for the same one, heard differently. More than nothing: it is better to have
# one of them than both. Little: no true match is given up for it.
_MISHEARD = 0.1


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
    if before_end_s - after_start_s <= _CLOSE_S:
        return before + after
    # What both may have heard: the last words of the one and the first words of the other.
    first = next((i for i, w in enumerate(before) if w.start_s + w.drift_s >= after_start_s - _CLOSE_S), len(before))
    behind = [i for i, w in enumerate(after) if w.end_s - w.drift_s <= before_end_s + _CLOSE_S]
    left, right = before[first:], after[: behind[-1] + 1 if behind else 0]
    cut, resume = _cuts(left, right, (after_start_s + before_end_s) / 2)
    return before[: first + cut] + after[resume:]


def _cuts(left: Sequence[_Word], right: Sequence[_Word], middle_s: float) -> tuple[int, int]:
    """How many words to take of the left, and how many to leave out of the right."""
    pairs = _aligned(left, right)
    times = [(left[i].middle_s + right[j].middle_s) / 2 for i, j in pairs]
    split = bisect_left(times, middle_s)
    # Between the last pair before the middle and the first one after it, words that only one of them heard.
    low_left, low_right = (pairs[split - 1][0] + 1, pairs[split - 1][1] + 1) if split else (0, 0)
    high_left, high_right = pairs[split] if split < len(pairs) else (len(left), len(right))
    cut = next((i for i in range(low_left, high_left) if left[i].middle_s - left[i].drift_s >= middle_s), high_left)
    resume = next(
        (j for j in range(low_right, high_right) if right[j].middle_s + right[j].drift_s >= middle_s), high_right
    )
    return cut, resume


def _aligned(left: Sequence[_Word], right: Sequence[_Word]) -> list[tuple[int, int]]:
    """Which words are the same: the pairs of indices, ascending in both, whose likeness is greatest in sum."""
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        for j in range(len(right) - 1, -1, -1):
            paired = _likeness(left[i], right[j])
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired + best[i + 1][j + 1] if paired else 0.0)
    pairs = []
    i = j = 0
    while i < len(left) and j < len(right):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


def _likeness(one: _Word, other: _Word) -> float:
    """1 for the same word at the same time, 0 where they can't be the same."""
    same = one.key == other.key
    drift_s = one.drift_s + other.drift_s
    # Different words are one word misheard only where they were said in the same moment, by half at least.
    half_s = (one.end_s - one.start_s + other.end_s - other.start_s) / 4
    most_s = drift_s + (_HEARD_APART_S if same else half_s)
    apart_s = abs(one.middle_s - other.middle_s)
    if apart_s >= most_s:
        return 0.0
    return (1.0 if same else _MISHEARD) * (1 - apart_s / most_s / 2)


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
