"""How far a worker's clock is from the server's: narrowed down with every answer of a server that tells its time.

Each answer proves bounds: the server took its time after we sent and before we received. The bounds of several answers
are intersected (Marzullo, "Maintaining the Time in a Distributed System", 1984), so that even the `Date` header of
HTTP, which is cut to whole seconds, gives the offset to some hundredths of a second after some dozens of answers.
"""

import math
from dataclasses import dataclass

DRIFT = 1e-4
"""Clocks go wrong by less than 0.1 ms a second; the bounds widen by so much."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Bounds of what must be added to the own clock to get the server's.

    Attributes:
        low_s, high_s: the bounds, as of `at_s` by the own clock.
    """

    low_s: float = -1e9
    high_s: float = 1e9
    at_s: float = 0.0

    @property
    def known(self) -> bool:
        """Whether any answer was heard."""
        return self.high_s - self.low_s < 1e6

    @property
    def offset_s(self) -> float:
        """The best guess; 0 while nothing is known."""
        return (self.low_s + self.high_s) / 2 if self.known else 0.0

    @property
    def error_s(self) -> float:
        """By how much the guess can be off."""
        return (self.high_s - self.low_s) / 2

    def probe_at_s(self, now_s: float) -> float:
        """When to ask next, by the own clock, so that an answer in whole seconds halves the bounds."""
        return max(now_s, math.ceil(now_s + self.offset_s) - self.offset_s)

    def heard(self, sent_s: float, server_s: float, received_s: float, resolution_s: float = 1.0) -> "ClockOffset":
        """Learn from an answer.

        Args:
            sent_s, received_s: of the request and the answer, by the own clock.
            server_s: the time that the server gave.
            resolution_s: the server's time is cut to this: 1 for HTTP's `Date`, 0 for an exact one.

        Returns:
            The new bounds. Where they contradict the old ones a clock was set, and only the new answer counts; an
            answer that contradicts itself is left out.
        """
        low_s, high_s = server_s - received_s, server_s + resolution_s - sent_s
        if low_s > high_s:
            return self
        drift_s = DRIFT * abs(received_s - self.at_s)
        old_low_s, old_high_s = self.low_s - drift_s, self.high_s + drift_s
        if low_s > old_high_s or high_s < old_low_s:
            return ClockOffset(low_s, high_s, received_s)
        return ClockOffset(max(low_s, old_low_s), min(high_s, old_high_s), received_s)
