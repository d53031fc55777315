"""How many bookings may be outstanding while it isn't known that enough workers are up.

An app that scaled to zero takes 10 to 60 s to come up, and a booking that no worker takes in time is wasted. So the
first booking after a pause is a probe; then twice as many may be outstanding as calls started in the last 10 s, until
there are plenty of starts, or no booking was missed for a while.

The factor of two applies to this phase alone: applied always it costs up to 3.5 points of the quota.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

COLD_AFTER_S = 120.0
_WINDOW_S = 10
_ENOUGH_STARTS = 60
_CALM_S = 40.0
_FEW_MISSES = 8


@dataclass(slots=True)
class SlowStart:
    """Attributes:

    starts, misses: counts by second of the last 10 s.
    last_start_s: when a call last started in time.
    since_s: when slow start began; None outside of it.
    """

    starts: dict[int, int] = field(default_factory=dict)
    misses: dict[int, int] = field(default_factory=dict)
    last_start_s: float = -1e9
    since_s: float | None = None

    def hear(self, started_s: Iterable[float], missed_s: Iterable[float]) -> None:
        """Count calls that started in time, and bookings that no worker took in time."""
        for at_s in sorted(started_s):
            if at_s - self.last_start_s > COLD_AFTER_S:
                self.since_s = at_s
            self.last_start_s = max(self.last_start_s, at_s)
            self.starts[int(at_s)] = self.starts.get(int(at_s), 0) + 1
        for at_s in missed_s:
            self.misses[int(at_s)] = self.misses.get(int(at_s), 0) + 1

    def allowed(self, outstanding: int, now_s: float) -> int | None:
        """How many more bookings may be made now; None for any number: slow start is over.

        Args:
            outstanding: bookings of which nothing was heard yet.
        """
        self.starts = _recent(self.starts, now_s)
        self.misses = _recent(self.misses, now_s)
        starts, misses = sum(self.starts.values()), sum(self.misses.values())
        if now_s - self.last_start_s > COLD_AFTER_S:
            return max(0, 1 - outstanding)
        if self.since_s is not None:
            calm = starts > 0 and misses == 0 and now_s - self.since_s > _CALM_S
            too_many = starts > 0 and misses >= _FEW_MISSES
            if starts >= _ENOUGH_STARTS or calm or too_many:
                self.since_s = None
        elif starts == 0 and misses >= _FEW_MISSES:
            self.since_s = now_s
        return None if self.since_s is None else max(0, max(2, 2 * starts) - outstanding)

    @property
    def starts_per_s(self) -> float:
        """Calls that started, over the last seconds in which any did."""
        return sum(self.starts.values()) / len(self.starts) if self.starts else 0.0

    def as_list(self) -> list[Any]:
        """As JSON values."""
        return [sorted(self.starts.items()), sorted(self.misses.items()), self.last_start_s, self.since_s]

    @classmethod
    def from_list(cls, raw: list[Any]) -> "SlowStart":
        """Read what `as_list` gave."""
        starts, misses, last_start_s, since_s = raw
        return cls(
            {int(second): int(count) for second, count in starts},
            {int(second): int(count) for second, count in misses},
            float(last_start_s),
            None if since_s is None else float(since_s),
        )


def _recent(counts: dict[int, int], now_s: float) -> dict[int, int]:
    return {second: count for second, count in counts.items() if now_s - _WINDOW_S <= second <= now_s + 5}
