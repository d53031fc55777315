"""From a booking to its call: when its message is scheduled, and what the run that gets it does."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.quota.freeze import Freeze

DEFAULT_LEAD_S = 1.2
_SAMPLES_NEEDED = 50
_QUANTILE = 0.995
_MARGIN_S = 0.2
_SHORTEST_LEAD_S = 0.1
_MOST_BILLED_S = 0.42
_STEP_S = 0.05
# Writing the row that spends the booking (5-30 ms), and the way to the endpoint (30-80 ms).
_WAY_S = 0.06
# A message that comes earlier than this goes back: waiting is billed, and only a wrong clock explains it.
_LONGEST_WAIT_S = 5.0


def lead_s(lateness_s: Sequence[float], tolerance_s: float) -> float:
    """How long before its start a message should be scheduled.

    Long enough that all but one in 200 come in time, if that doesn't bill more than 0.42 s of waiting a job on average.
    No fixed lead does: 1.7 s bill 1.4 s where delivery is prompt, 0.5 s miss half the starts where it is late.

    Args:
        lateness_s: by how much recent messages were delivered after the time that they were scheduled for.
        tolerance_s: how long after its start a booking may be used.
    """
    if len(lateness_s) < _SAMPLES_NEEDED:
        return DEFAULT_LEAD_S
    sample = sorted(lateness_s)
    lead = sample[int(_QUANTILE * (len(sample) - 1))] - tolerance_s + _MARGIN_S
    while lead > _STEP_S and sum(max(0.0, lead - late) for late in sample) / len(sample) > _MOST_BILLED_S:
        lead -= _STEP_S
    return max(_SHORTEST_LEAD_S, lead)


@dataclass(frozen=True, slots=True)
class Ticket:
    """The booking that a run's message carries.

    Attributes:
        start_s: when the call may be made, by the server's clock.
        tolerance_s: how long after.
        epoch: of the freeze when it was booked.
    """

    start_s: float
    tolerance_s: float
    epoch: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Sleep for so long, then decide again."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Call:
    """Make the call now.

    Attributes:
        sent_s: what to note as its time of sending, for `settled`: when the endpoint will have it.
    """

    sent_s: float


@dataclass(frozen=True, slots=True)
class Missed:
    """Make no call: the job goes back to pending, without counting as an attempt, and its booking is released.

    Attributes:
        reason: "late"; "void": a 429 came after it was booked; "frozen": nothing may start yet; "early": by far.
    """

    reason: str


def decide_run(ticket: Ticket, freeze: Freeze, now_s: float) -> Wait | Call | Missed:
    """What a run does with its booking.

    Args:
        freeze: as read together with the job.
        now_s: the server's clock: the worker's own plus its offset (shared/quota/clock_offset.py).
    """
    if ticket.epoch < freeze.epoch:
        return Missed("void")
    if ticket.start_s < freeze.until_s:
        return Missed("frozen")
    if now_s > ticket.start_s + ticket.tolerance_s:
        return Missed("late")
    if now_s >= ticket.start_s:
        return Call(now_s + _WAY_S)
    wait_s = ticket.start_s - now_s
    return Wait(wait_s) if wait_s <= _LONGEST_WAIT_S else Missed("early")
