"""The pump's policy, pure: which pending jobs to book, when their messages are due, when to look again.

One cycle: an activity reads the pending heads and what became of earlier bookings, and calls `plan`; the orchestration
sends the plan's payload to the token counter's `book`; an activity gives the answer to `place`, marks the jobs, sends
the messages, and stores the pump's state. docs/quota.md shows it with the payloads.

A plan must be stored before its call is made, and placed before another is made: its id is that of its cycle, so the
counter gives an interrupted cycle the same answer again, and that fits only the same jobs in the same order.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.messages import Priority
from shared.quota.cycle import Cadence, Heard, OpenCalls, Placement, Plan, Round
from shared.quota.delivery import lead_s
from shared.quota.fair_queue import FairQueue, PendingJob, Queue
from shared.quota.freeze import Freeze
from shared.quota.operation_log import digest
from shared.quota.pump_state import PumpState

MAX_JOBS = 600
MAX_HEARD = 400
_MAX_OBSERVED = 12
# Four minutes' quota: enough to fill the gaps, and not more than a table string holds.
_MOST_MINUTES = 4.0
# What was sent longer ago counts in no window any more.
_FORGOTTEN_S = 75.0
_LARGE = 0.02  # of the tokens per minute
_LARGE_KEPT = 16


@dataclass(frozen=True, slots=True)
class Admission:
    """The policy of one deployment.

    Args:
        deployment: its name, for the ids of calls.
        limits: as `Limits.as_dict` gives them, of the settings.
        weights: of apps; 1 for those not named.
    """

    deployment: str
    limits: Mapping[str, Any]
    weights: Mapping[str, float] = field(default_factory=dict)
    cadence: Cadence = field(default_factory=Cadence)

    def plan(
        self, state: dict[str, Any] | None, queues: Sequence[Queue], heard: Heard, open_calls: OpenCalls, now_s: float
    ) -> Plan:
        """Begin a cycle.

        Args:
            state: what the last `place` gave, or None.
            queues: the heads of the pending queues, one for each app and priority.
            open_calls: bookings of which nothing was heard.
            now_s: the server's clock.
        """
        pump = PumpState.from_dict(state)
        pump.slow_start.hear((sent_s for _, _, _, sent_s in heard.settled), heard.missed_s)
        pump.hear_lateness(list(heard.lateness_s))
        slow, rated = self._bounds(pump, open_calls, now_s)
        most = min(bound for bound in (MAX_JOBS, slow, rated) if bound is not None)
        fair = FairQueue(pump.fair, self.weights)
        jobs = fair.order(queues, most, _MOST_MINUTES * self.limits["tpm"]) if most else []
        payload = self._payload(pump, jobs, heard, now_s) if jobs or heard.released or _many(heard) else None
        return Plan(jobs, payload, pump.as_dict(), slow is not None, now_s, bound=0 < len(jobs) == rated)

    def place(self, plan: Plan, answer: dict[str, Any] | None, queues: Sequence[Queue], now_s: float) -> Round:
        """End a cycle.

        Args:
            answer: the counter's; None where nothing was asked.
            queues: as given to `plan`.

        Raises:
            ValueError: the answer isn't one to this plan.
        """
        pump = PumpState.from_dict(plan.state)
        starts: Sequence[float | None] = []
        oversized: Collection[int] = ()
        tolerance_s = 0.0
        if plan.payload is not None:
            pump.cycle += 1
            if answer is not None and answer.get("ok"):
                starts, oversized, tolerance_s = answer["starts"], set(answer["oversized"]), answer["tolerance_s"]
                pump.freeze = Freeze(answer["epoch"], answer["frozen_until_s"])
                if len(starts) != len(plan.jobs):
                    raise ValueError(f"{len(starts)} starts for {len(plan.jobs)} jobs")
        lead = lead_s(pump.lateness_s, tolerance_s)
        placements = [
            Placement(job, start_s, tolerance_s, pump.freeze.epoch, self._due_s(start_s, lead, now_s))
            for job, start_s in zip(plan.jobs, starts, strict=False)
            if start_s is not None
        ]
        never = [job for number, job in enumerate(plan.jobs) if number in oversized]
        waiting = _waiting(queues, [*(placement.job for placement in placements), *never])
        unbooked = [job for job, start_s in zip(plan.jobs, starts, strict=False) if start_s is None]
        if starts:
            pump.large = self._passed_over(pump, unbooked, now_s)
        fair = FairQueue(pump.fair, self.weights)
        fair.booked([placement.job for placement in placements], waiting)
        bound = plan.bound and bool(waiting) and len(placements) + len(never) == len(plan.jobs)
        pump.start_rate.booked(len(placements), now_s, bound=bound)
        pump.fair = fair.as_dict()
        next_s = self._next_s(plan, len(placements), len(never), bool(waiting), now_s)
        return Round(placements, never, pump.freeze, next_s, pump.as_dict())

    def _bounds(self, pump: PumpState, open_calls: OpenCalls, now_s: float) -> tuple[int | None, int | None]:
        """How many may be booked by slow start, and by the rate that the workers take."""
        was_slow = pump.slow_start.since_s is not None
        slow = pump.slow_start.allowed(open_calls.count, now_s)
        if slow is not None:
            pump.start_rate.forget()
            return slow, None
        if was_slow:
            pump.start_rate.begin(pump.slow_start.starts_per_s, now_s)
        pump.start_rate.hear(pump.slow_start.starts, pump.slow_start.misses, open_calls.overdue, now_s)
        return None, pump.start_rate.most(open_calls.overdue, now_s)

    def _payload(self, pump: PumpState, jobs: Sequence[PendingJob], heard: Heard, now_s: float) -> dict[str, Any]:
        since_s = now_s - _FORGOTTEN_S
        delay_s, spacing_s = pump.start_rate.spread(now_s)
        return {
            "id": f"{self.deployment}:{pump.cycle}",
            "limits": dict(self.limits),
            "jobs": [job.tokens for job in jobs],
            "reserved": self._reserved(pump, jobs, now_s),
            "delay_s": round(max(self.cadence.delay_s, delay_s), 3),
            "horizon_s": self.cadence.horizon_s,
            "settled": [
                [start_s, tokens, epoch, round(sent_s, 3)]
                for start_s, tokens, epoch, sent_s in heard.settled[:MAX_HEARD]
                if sent_s > since_s
            ],
            "released": [list(booking) for booking in heard.released[:MAX_HEARD] if booking[0] > since_s],
            "observed": _telling(heard.observed),
            "usage": list(heard.usage),
            **({"spacing_s": round(spacing_s, 5)} if spacing_s else {}),
        }

    def _reserved(self, pump: PumpState, jobs: Sequence[PendingJob], now_s: float) -> int | None:
        """The first large job that was passed over for long, now and then."""
        if now_s - pump.reserved_s < self.cadence.reserve_every_s:
            return None
        before_s = now_s - self.cadence.reserve_after_s
        for number, job in enumerate(jobs):
            if pump.large.get(digest(job.id, 4), now_s) < before_s:
                pump.reserved_s = round(now_s, 1)
                return number
        return None

    def _passed_over(self, pump: PumpState, jobs: Sequence[PendingJob], now_s: float) -> dict[str, float]:
        least = _LARGE * self.limits["tpm"]
        keys = [digest(job.id, 4) for job in jobs if job.tokens >= least][:_LARGE_KEPT]
        return {key: pump.large.get(key, round(now_s, 1)) for key in keys}

    def _due_s(self, start_s: float, lead: float, now_s: float) -> float | None:
        due_s = start_s - lead
        return None if due_s <= now_s or start_s - now_s < self.cadence.direct_s else due_s

    def _next_s(self, plan: Plan, booked: int, failed: int, waits: bool, now_s: float) -> float | None:
        cadence = self.cadence
        if not waits:
            # Jobs that came during the cycle aren't known here: look once more before ending.
            return max(now_s, plan.began_s + cadence.gather_s) if booked or failed else None
        if booked + failed == len(plan.jobs):
            if plan.slow:
                return max(now_s, plan.began_s + cadence.slow_start_s)
            if plan.bound and not _full(plan.payload):
                return max(now_s, plan.began_s + cadence.cycle_s)
            return now_s + cadence.at_once_s
        few = booked < cadence.few_jobs
        return max(now_s, plan.began_s + (cadence.long_cycle_s if few else cadence.cycle_s))


def _waiting(queues: Sequence[Queue], gone: Sequence[PendingJob]) -> set[tuple[str, Priority]]:
    """Apps and priorities that still have jobs."""
    left: Counter[tuple[str, Priority]] = Counter()
    for queue in queues:
        if queue.jobs:
            left[queue.jobs[0].app, queue.jobs[0].priority] += len(queue.jobs) + queue.more
    left.subtract((job.app, job.priority) for job in gone)
    return {key for key, count in left.items() if count > 0}


def _full(payload: Mapping[str, Any] | None) -> bool:
    """Whether more may be left to be heard: without it, calls that run look overdue."""
    return payload is not None and len(payload["settled"]) + len(payload["released"]) >= MAX_HEARD


def _many(heard: Heard) -> bool:
    return len(heard.settled) >= MAX_HEARD


def _telling(observed: Sequence[tuple[float, int, int]]) -> list[list[float]]:
    """Of each second the observation that says most: the one with the least remaining."""
    by_second: dict[int, tuple[float, int, int]] = {}
    for call in observed:
        known = by_second.get(int(call[0]))
        if known is None or call[2] < known[2]:
            by_second[int(call[0])] = call
    latest = sorted(by_second.values())[-_MAX_OBSERVED:]
    return [[round(sent_s, 3), tokens, remaining] for sent_s, tokens, remaining in latest]
