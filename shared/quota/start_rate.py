"""How many calls a second may start: as many as the workers can take, where the quota would allow more.

A message that waits for a worker for longer than the tolerance has missed its booking. Where the quota lets far more
start than the workers can take, most would be missed, and each costs a worker time. So the starts that are booked are
spread at a rate that is learnt as TCP learns its (RFC 5681): it grows while nothing is late, fast until it was too much
for the first time and slowly from then on, and falls to below what the workers took when too much came late. Where the
quota is the bottleneck the rate hardly binds: it spreads the first seconds of a burst.
"""

from dataclasses import dataclass
from typing import Any

AHEAD_S = 7.0
"""Starts are booked so far ahead. Less than the horizon of the quota: what is booked at too high a rate is missed."""
_STEP_S = 10.0  # until a change has shown: its bookings start AHEAD_S later, and are missed after the tolerance
_FIRST = 5.0  # times what started in slow start: less would hold back bursts after a quiet minute
_FAST, _SLOW = 1.6, 1.1
_AFTER_LOSS = 0.85
_LOWEST_PER_S = 0.5
_EXCEEDED = 1.5
_FEW_MISSES = 3
_FEW_OVERDUE = 8
_MISSED_SHARE = 0.05
_BACKLOG_S = 1.5
_MISS_COST = 1 / 3  # of a call's: two or three table requests of eight
_TOLERANCE_S = 2.5  # a booking is missed so long after its start at the earliest, about


@dataclass(slots=True)
class StartRate:
    """Attributes:

    per_s: at most so many calls start a second; None where nothing is known of the workers, and nothing was missed.
    good_per_s: a lower rate at which nothing was missed; None where it isn't known since the last fall.
    ceiling_per_s: the last rate that was too much; None where none was.
    changed_s: when it changed last.
    heard_from_s: misses before this don't count: they are of bookings made at a former rate.
    next_s: where the line of starts that are booked ends.
    """

    per_s: float | None = None
    good_per_s: float | None = None
    ceiling_per_s: float | None = None
    changed_s: float = 0.0
    heard_from_s: float = 0.0
    next_s: float = 0.0

    def begin(self, seen_per_s: float, now_s: float) -> None:
        """Slow start is over: the workers took so many a second, and had no more to take."""
        self.good_per_s = max(_LOWEST_PER_S, seen_per_s)
        self.per_s, self.changed_s = _FIRST * self.good_per_s, now_s

    def forget(self) -> None:
        """The workers may be others by now."""
        self.per_s = self.good_per_s = self.ceiling_per_s = None

    def hear(self, starts: dict[int, int], misses: dict[int, int], overdue: int, now_s: float) -> None:
        """Fall if too much came late, unless nothing started at all: that is for slow start.

        Args:
            starts, misses: of the last seconds, by second.
            overdue: see OpenCalls.
        """
        started = sum(starts.values())
        missed = sum(count for second, count in misses.items() if second >= self.heard_from_s)
        late = missed > _FEW_MISSES + _MISSED_SHARE * started
        if not started or not (late or self._behind(overdue)):
            return
        if self._behind(overdue) and now_s - self.changed_s < _STEP_S:
            return  # what was booked at the former rate isn't through yet
        took_per_s = _taken_per_s(starts, misses)
        safe_per_s = max(min(took_per_s, self.per_s or took_per_s), self.good_per_s or 0.0)
        self.ceiling_per_s = self.per_s
        self.per_s = max(_LOWEST_PER_S, _AFTER_LOSS * safe_per_s)
        self.good_per_s, self.changed_s = None, now_s
        self.heard_from_s = max(now_s, self.next_s) + _TOLERANCE_S

    def most(self, overdue: int, now_s: float) -> int | None:
        """How many more may be booked now; None for any number."""
        if self.per_s is None:
            return None
        if self._behind(overdue):
            return 0
        return max(0, int((now_s + AHEAD_S - max(now_s, self.next_s)) * self.per_s))

    def spread(self, now_s: float) -> tuple[float, float]:
        """When the next may start, in s from now, and how far apart the others follow."""
        return (0.0, 0.0) if self.per_s is None else (max(0.0, self.next_s - now_s), 1 / self.per_s)

    def booked(self, count: int, now_s: float, *, bound: bool) -> None:
        """So many were booked.

        Args:
            bound: more wait, and nothing but this rate held them back.
        """
        if self.per_s is None:
            return
        self.next_s = max(now_s, self.next_s) + count / self.per_s
        if bound and now_s - self.changed_s >= _STEP_S:
            self.good_per_s = self.per_s
            self.per_s *= self._growth()
            self.changed_s = now_s

    def as_list(self) -> list[Any]:
        """As JSON values."""
        return [self.per_s, self.good_per_s, self.ceiling_per_s, self.changed_s, self.heard_from_s, self.next_s]

    @classmethod
    def from_list(cls, raw: list[Any] | None) -> "StartRate":
        """Read what `as_list` gave; None for nothing."""
        if raw is None:
            return cls()
        rates, times_s = raw[:3], raw[3:]
        per_s, good_per_s, ceiling_per_s = (None if rate is None else float(rate) for rate in rates)
        changed_s, heard_from_s, next_s = map(float, times_s)
        return cls(per_s, good_per_s, ceiling_per_s, changed_s, heard_from_s, next_s)

    def _growth(self) -> float:
        """Slow near what was too much once, and fast where that is long exceeded: there are more workers now."""
        if self.per_s is None or self.ceiling_per_s is None:
            return _FAST
        part = self.per_s / self.ceiling_per_s
        return _SLOW if part * _FAST > _AFTER_LOSS and part < _EXCEEDED else _FAST

    def _behind(self, overdue: int) -> bool:
        return self.per_s is not None and overdue > max(_FEW_OVERDUE, _BACKLOG_S * self.per_s)


def _taken_per_s(starts: dict[int, int], misses: dict[int, int]) -> float:
    """What the workers can do, by the better half of the seconds. Each miss kept them busy, too, if not for as long."""
    taken = sorted(count + _MISS_COST * misses.get(second, 0) for second, count in starts.items())
    best = taken[len(taken) // 2 :]
    return sum(best) / len(best)
