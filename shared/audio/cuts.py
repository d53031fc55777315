"""Where a recording is cut. Pure.

A chunk ends in the middle of a pause where there is one in the last quarter before its limit: in the longest, and of
several long ones in the last. Where there is none the next chunk repeats the end of this one, so that no word is cut in
both. The last two chunks share what is left evenly: a chunk of a few words is transcribed badly.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from shared.audio.levels import Pause

_WINDOW = 0.25  # of the longest chunk
_LONG_PAUSE_S = 1.0  # is as good as any longer one
_ROUNDED_S = 0.002  # by so much a chunk may be shorter, as its times are whole milliseconds
_SHORTEST_S = 0.1  # of a pause that reaches into the window


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk to be, in seconds of the whole.

    Attributes:
        overlap_s: how much of its beginning repeats the end of the chunk before.
    """

    start_s: float
    end_s: float
    overlap_s: float


def plan_cuts(duration_s: float, pauses: Sequence[Pause], chunk_s: float, overlap_s: float) -> list[Cut]:
    """Cover a recording with chunks.

    Args:
        pauses: in order, apart from each other.
        chunk_s: longest chunk.
        overlap_s: repeated, and up to a millisecond more, where there is no pause; at most a quarter of chunk_s.

    Returns:
        At least one chunk. The first begins at 0, the last ends at duration_s, each other begins where the one before
        ends, less its overlap. Times are whole milliseconds but for the last.

    Raises:
        ValueError: the lengths make no sense.
    """
    if not (chunk_s > 0 and 0 <= overlap_s <= chunk_s * _WINDOW):
        raise ValueError(f"chunks of {chunk_s} s can't overlap by {overlap_s} s")
    cuts: list[Cut] = []
    start_s = shared_s = 0.0
    while duration_s - start_s > chunk_s:
        pause = _best_pause(pauses, *_window(start_s, duration_s, chunk_s))
        best_s = (pause.start_s + pause.end_s) / 2 if pause else _limit(start_s, duration_s, chunk_s)
        end_s = _whole_ms(best_s)
        cuts.append(Cut(start_s, end_s, shared_s))
        start_s = end_s if pause else _whole_ms(end_s - overlap_s)
        shared_s = round(end_s - start_s, 3)
    return [*cuts, Cut(start_s, duration_s, shared_s)]


def cut_counts(duration_s: float, chunk_s: float, overlap_s: float) -> tuple[int, int]:
    """How many chunks `plan_cuts` makes at least and at most, wherever the pauses are.

    Args:
        duration_s, chunk_s, overlap_s: see plan_cuts.
    """
    least, most = max(1, math.ceil(duration_s / chunk_s)), 1
    while duration_s > chunk_s:
        # As little as a chunk may take off: it ends at the beginning of its window, or the next one repeats its end.
        shared_s = max(chunk_s * _WINDOW / 2, overlap_s)
        taken_s = chunk_s * (1 - _WINDOW) if duration_s >= 2 * chunk_s else duration_s / 2 - shared_s
        duration_s -= taken_s - _ROUNDED_S
        most += 1
    return least, most


def _whole_ms(time_s: float) -> float:
    """Down to a millisecond: 16 samples."""
    return math.floor(time_s * 1000) / 1000


def _limit(start_s: float, duration_s: float, chunk_s: float) -> float:
    """Where a chunk should end at best: at its longest, or halfway where two are left."""
    rest_s = duration_s - start_s
    return start_s + (chunk_s if rest_s >= 2 * chunk_s else rest_s / 2)


def _window(start_s: float, duration_s: float, chunk_s: float) -> tuple[float, float]:
    """Where to look for a pause: around the best end, but never beyond the longest."""
    window_s = chunk_s * _WINDOW
    high_s = min(_limit(start_s, duration_s, chunk_s) + window_s / 2, start_s + chunk_s)
    return high_s - window_s, high_s


def _best_pause(pauses: Sequence[Pause], low_s: float, high_s: float) -> Pause | None:
    """The pause to cut in, as much of it as lies in the window."""
    first = bisect_left(pauses, low_s, key=attrgetter("end_s"))
    after = bisect_left(pauses, high_s, key=attrgetter("start_s"))
    inside = (Pause(max(low_s, pause.start_s), min(high_s, pause.end_s)) for pause in pauses[first:after])
    usable = (pause for pause in inside if pause.length_s >= _SHORTEST_S)
    return max(usable, key=lambda pause: (min(pause.length_s, _LONG_PAUSE_S), pause.end_s), default=None)
