"""What the pump's policy takes and gives in one cycle."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.quota.fair_queue import PendingJob
from shared.quota.freeze import Freeze


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the pump looks.

    Attributes:
        cycle_s: while jobs wait.
        long_cycle_s: while it books fewer than `few_jobs` a cycle; less than the horizon.
        slow_start_s: in slow start.
        gather_s: between cycles that book all that waits: what arrives meanwhile is booked together.
        at_once_s: when all that was read was booked, and more waits.
        direct_s: a start that is no further away than this has its message sent at once, not scheduled.
        delay_s: earliest start after the counter has the call.
        horizon_s: latest start.
        reserve_after_s, reserve_every_s: a large job that was passed over for so long may be booked beyond the horizon;
            one at most in each such time, since that leaves quota unused.
    """

    cycle_s: float = 5.0
    long_cycle_s: float = 12.0
    few_jobs: int = 30
    slow_start_s: float = 3.0
    gather_s: float = 1.6
    at_once_s: float = 0.05
    direct_s: float = 0.5
    delay_s: float = 0.1
    horizon_s: float = 14.0
    reserve_after_s: float = 60.0
    reserve_every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of bookings since the last cycle, from the job rows; at most 400 of each, the others next time.

    Attributes:
        settled: of calls that were sent: start_s, tokens, epoch, sent_s.
        released: of calls that weren't, or were rejected with 429: start_s, tokens, epoch.
        missed_s: when runs came too late for their bookings.
        lateness_s: by how much scheduled messages were delivered late.
        observed: of answered calls: sent_s, tokens, `x-ratelimit-remaining-tokens`.
        usage: calls, prompt tokens and completion tokens that were billed.
    """

    settled: Sequence[tuple[float, int, int, float]] = ()
    released: Sequence[tuple[float, int, int]] = ()
    missed_s: Sequence[float] = ()
    lateness_s: Sequence[float] = ()
    observed: Sequence[tuple[float, int, int]] = ()
    usage: tuple[int, int, int] = (0, 0, 0)


_OVERDUE_FROM_S, _OVERDUE_TO_S = 2.0, 30.0


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """Bookings of which nothing was heard.

    Attributes:
        count: all whose start isn't over a minute past.
        overdue: those whose start is over 2 s past: their messages wait for a worker. After half a minute they are lost
            rather than waiting, as where a host was killed.
    """

    count: int = 0
    overdue: int = 0

    @classmethod
    def of(cls, starts: Iterable[tuple[float, int]], now_s: float) -> "OpenCalls":
        """From the bookings not heard of: when they start, and how many."""
        count = overdue = 0
        for start_s, number in starts:
            count += number
            if _OVERDUE_FROM_S <= now_s - start_s < _OVERDUE_TO_S:
                overdue += number
        return cls(count, overdue)


@dataclass(frozen=True, slots=True)
class Plan:
    """Attributes:

    jobs: in the order of the payload's `jobs`.
    payload: for the counter's `book`; None where there is nothing to ask: `place` is then called without an answer.
    state: the pump's, for `place`.
    slow: whether slow start bounds what may be booked.
    bound: whether the workers' rate does, and nothing else so far.
    began_s: of the cycle.
    """

    jobs: Sequence[PendingJob]
    payload: dict[str, Any] | None
    state: dict[str, Any]
    slow: bool
    began_s: float
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """A job that was booked.

    Attributes:
        start_s, tolerance_s, epoch: its ticket.
        due_s: when its message should be delivered; None for at once.
    """

    job: PendingJob
    start_s: float
    tolerance_s: float
    epoch: int
    due_s: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """How a cycle ended.

    Attributes:
        placements: calls to send.
        oversized: jobs that can never run: they fail with OversizedRequestError.
        freeze: to be stored where the workers read it, if it changed.
        next_s: when the next cycle begins; None to end, as nothing waits.
        state: the pump's, to be stored.
    """

    placements: Sequence[Placement]
    oversized: Sequence[PendingJob]
    freeze: Freeze
    next_s: float | None
    state: dict[str, Any]
