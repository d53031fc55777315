"""The pump's two steps around its one call to the token counter: what to ask for, and what to do with the answer.

The orchestration (functions/admission.py) runs them as activities: both may run again after a crash, with the same
input. So the plan goes through the orchestration's history, and everything that `send` does it may do twice.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shared.jobs.call_reports import CallReport, CallReports
from shared.jobs.faults import LimitLoweredError
from shared.jobs.job_telemetry import call_admitted
from shared.jobs.kinds import Kind
from shared.jobs.pending import PendingQueue, PendingTable
from shared.jobs.pending_call import PendingCall
from shared.jobs.publisher import Publisher
from shared.jobs.pump_row import Phase, PumpRow
from shared.jobs.store import JobStore
from shared.messages import Priority
from shared.messaging.sender import MessageSender
from shared.quota.admission import MAX_HEARD, Admission
from shared.quota.cycle import Heard, OpenCalls, Placement, Plan
from shared.quota.fair_queue import PendingJob, Queue
from shared.storage.server_clock import ServerClock
from shared.telemetry.events import log_event
from shared.telemetry.metrics import set_gauge, time_it
from shared.telemetry.tracing import Span, Tags, get_tracer

READ_LIMIT = 600
"""Heads read of each queue: as many as one plan may hold."""
_OUTSTANDING_S = 60.0
_MAX_REST_S = 60.0
_SHORTEST_PAUSE_S = 0.05
_COUNT_LIMIT = 10_000
_MOST_RETOLD = 20

type Notify = Callable[[str, str, dict[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)
_tracer = get_tracer(__name__)


@dataclass(frozen=True, slots=True)
class PumpParts:
    """What the pump works with, all of one deployment."""

    pending: PendingTable
    reports: CallReports
    row: PumpRow
    store: JobStore
    publisher: Publisher
    sender: MessageSender
    kinds: Mapping[str, Kind]
    clock: ServerClock


class Pump:
    """Lets the calls of one deployment through, in fair order, as the token counter books them."""

    def __init__(self, deployment: str, policy: Admission, parts: PumpParts) -> None:
        self._deployment = deployment
        self._policy = policy
        self._parts = parts

    async def waiting(self) -> dict[str, int]:
        """How many calls of each app wait; counted up to 10,000 in all."""
        return await self._parts.pending.count(self._deployment, _COUNT_LIMIT)

    async def has_work(self) -> bool:
        """Whether any call waits."""
        return bool(await self._parts.pending.count(self._deployment, 1))

    @time_it("sluice.pump.duration", {"half": "plan"})
    async def plan(self) -> dict[str, Any]:
        """Begin a cycle.

        Returns:
            JSON for `send`; `payload` in it is for the token counter's `book`, or None where there is nothing to ask.
            `throttled` holds payloads for its operation of that name, to be done before.

        Raises:
            StorageError
        """
        parts = self._parts
        await parts.clock.refresh()
        now_s = parts.clock.now_s()
        await parts.row.running(now_s)
        kept = await parts.row.load() or {}
        freeze = await parts.reports.freeze()
        reports = _audible(await parts.reports.read())
        queues = await parts.pending.heads(self._deployment, parts.clock.now(), READ_LIMIT)
        outstanding = _outstanding(kept.get("outstanding", {}), reports, now_s)
        open_calls = OpenCalls.of(((float(second), count) for second, count in outstanding.items()), now_s)
        plan = self._policy.plan(
            kept.get("policy"),
            [_queue(q) for q in queues],
            heard(reports),
            open_calls,
            now_s,
        )
        due = [queue.next_due_ms for queue in queues if queue.next_due_ms is not None]
        return {
            # An id of its own: a cycle that was lost between its steps must not be answered with another's.
            "payload": None if plan.payload is None else {**plan.payload, "id": uuid.uuid4().hex},
            # 429s that no worker could tell the counter of: until it knows, every booking of its would be void.
            "throttled": [
                {"id": uuid.uuid4().hex, "epoch": freeze.epoch - 1, "retry_after_s": freeze.until_s - now_s}
                for _ in range(min(kept.get("unheard", 0), _MOST_RETOLD))
            ],
            "epoch": freeze.epoch,
            "deployment": self._deployment,
            "now_s": now_s,
            "jobs": [[job.id, job.tokens, job.app, job.priority] for job in plan.jobs],
            "queues": [[q.app, q.priority, len(q.calls), q.more] for q in queues if q.calls],
            "slow": plan.slow,
            "bound": plan.bound,
            "state": plan.state,
            "oldest_s": _oldest_s(queues, now_s),
            "outstanding": outstanding,
            # What was billed waits until it can be told; the rest has been heard.
            "reports": [report.key for report in reports if plan.payload is not None or not report.answered],
            "next_due_s": min(due) / 1000 if due else None,
        }

    @time_it("sluice.pump.duration", {"half": "send"})
    async def send(self, planned: dict[str, Any], answer: dict[str, Any] | None, notify: Notify) -> float | None:
        """End a cycle: send the messages of what was booked, and forget what was told.

        Args:
            planned: what `plan` gave.
            answer: the token counter's to its payload.
            notify: tells an orchestration of its booking; once more after a crash.

        Returns:
            Seconds to the next cycle; None to end.

        Raises:
            StorageError, MessagingError: it has to be done again.
        """
        parts = self._parts
        # Before anything can fail: a report that is told twice gives back what others have booked.
        await parts.pending.remove(self._deployment, planned["reports"])
        if answer is not None and not answer.get("ok"):
            log_event(logger, "booking_refused", level=logging.ERROR, reason=str(answer.get("code")))
        queues = [_summary(*queue) for queue in planned["queues"]]
        jobs = [PendingJob(key, tokens, app, Priority(priority)) for key, tokens, app, priority in planned["jobs"]]
        bound = planned.get("bound", False)  # a plan of an earlier version has none
        plan = Plan(jobs, planned["payload"], planned["state"], planned["slow"], planned["now_s"], bound)
        now_s = parts.clock.now_s()
        end = self._policy.place(plan, answer, queues, now_s)
        if end.freeze.epoch > planned["epoch"]:
            # Bookings that lower limits or a learnt bias leave no room for are void, without any 429.
            await parts.reports.adopt(end.freeze)
        calls = await parts.pending.get(self._deployment, [p.job.id for p in end.placements] + _ids(end.oversized))
        if end.placements:
            # A span of its own, which those of the jobs have links to: it is one for many.
            tags: Tags = {"gen_ai.request.model": self._deployment, "sluice.pump.booked": len(end.placements)}
            with _tracer.start_span(f"pump {self._deployment}", tags=tags) as cycle:
                await self._send(end.placements, calls, notify, cycle)
        set_gauge("sluice.calls.oldest_age", planned.get("oldest_s") or 0.0, {"gen_ai.request.model": self._deployment})
        for job in end.oversized:
            if (call := calls.get(job.id)) is not None:
                await self._refuse(call, notify)
        outstanding = dict(planned["outstanding"])
        for placement in end.placements:
            second = str(int(placement.start_s))
            outstanding[second] = outstanding.get(second, 0) + 1
        unheard = planned["epoch"] - answer["epoch"] if answer is not None and answer.get("ok") else 0
        await parts.row.save({"policy": end.state, "outstanding": outstanding, "unheard": unheard})
        gone = [*(p.job.id for p in end.placements), *_ids(end.oversized)]
        await parts.pending.remove(self._deployment, gone)
        log_event(
            logger,
            "pump_cycle",
            deployment=self._deployment,
            asked=len(jobs),
            booked=len(end.placements),
            sent=len(calls),
            heard=len(planned["reports"]),
            oldest_s=planned.get("oldest_s"),  # a plan of an earlier version has none
        )
        return await self._pause(end.next_s, planned["next_due_s"])

    async def _pause(self, next_s: float | None, next_due_s: float | None) -> float | None:
        now_s = self._parts.clock.now_s()
        if next_s is not None:
            wanted = min(next_s, next_due_s) if next_due_s is not None else next_s
            return max(_SHORTEST_PAUSE_S, wanted - now_s)
        phase = Phase.ENDED if next_due_s is None else Phase.SLEEPING
        if not await self._parts.row.rest(phase, now_s):
            return _SHORTEST_PAUSE_S
        return None if next_due_s is None else min(_MAX_REST_S, max(_SHORTEST_PAUSE_S, next_due_s - now_s))

    async def _send(
        self, placements: Sequence[Placement], calls: Mapping[str, PendingCall], notify: Notify, cycle: Span
    ) -> None:
        by_queue: dict[str, list[Any]] = {}
        sent: list[tuple[PendingCall, float]] = []
        for placement in placements:
            call = calls.get(placement.job.id)
            if call is None:  # sent before a crash of this step
                continue
            sent.append((call, placement.start_s))
            booking = (placement.start_s, placement.tolerance_s, placement.epoch)
            if call.instance is not None and call.event is not None:
                # At once: the orchestration sleeps until its start on a timer of its own.
                await notify(call.instance, call.event, asdict(call.ticket(*booking)))
                continue
            message = call.run_message(*booking, placement.due_s)
            by_queue.setdefault(self._parts.kinds[call.kind].queues.run, []).append(message)
        for queue, messages in by_queue.items():
            await self._parts.sender.send(queue, messages)
        now_s = self._parts.clock.now_s()
        for call, start_s in sent:
            call_admitted(self._deployment, call, start_s, now_s, cycle)

    async def _refuse(self, call: PendingCall, notify: Notify) -> None:
        """A call that became larger than the quota, as the limits were lowered."""
        if call.instance is not None and call.event is not None:
            await notify(call.instance, call.event, {"oversized": call.tokens})
            return
        record = await self._parts.store.get(call.kind, call.job_id)
        if record is None or record.state.final or record.booking != call.booking:
            return
        await self._parts.publisher.end(await self._parts.publisher.failed(record, LimitLoweredError(call.tokens)))


def heard(reports: Sequence[CallReport]) -> Heard:
    """What the policy has to know of these reports."""
    first = [r for r in reports if not r.answered]
    answered = [r for r in reports if r.answered]
    return Heard(
        settled=[(r.start_s, r.tokens, r.epoch, r.sent_s) for r in first if r.sent_s is not None],
        released=[(r.start_s, r.tokens, r.epoch) for r in first if r.sent_s is None],
        missed_s=[r.missed_s for r in first if r.missed_s is not None],
        lateness_s=[r.late_s for r in first if r.late_s is not None],
        observed=[
            (r.sent_s, r.tokens, r.remaining_tokens)
            for r in answered
            if r.remaining_tokens is not None and r.sent_s is not None
        ],
        usage=(len(answered), sum(r.prompt_tokens for r in answered), sum(r.completion_tokens for r in answered)),
    )


def _audible(reports: Sequence[CallReport]) -> Sequence[CallReport]:
    """As many as one cycle can tell; the others wait for the next."""
    first = [number for number, report in enumerate(reports) if not report.answered]
    return reports if len(first) <= MAX_HEARD else reports[: first[MAX_HEARD]]


def _outstanding(kept: Mapping[str, int], reports: Sequence[CallReport], now_s: float) -> dict[str, int]:
    """Bookings of which nothing was heard, by the second of their start; those long past are given up."""
    counts = {second: count for second, count in kept.items() if int(second) > now_s - _OUTSTANDING_S}
    for report in reports:
        if report.answered:
            continue
        second = str(int(report.start_s))
        if counts.get(second, 0) > 0:
            counts[second] -= 1
    return {second: count for second, count in counts.items() if count > 0}


def _oldest_s(queues: Sequence[PendingQueue], now_s: float) -> float | None:
    """How long the call that waits longest could have been made; None where none waits."""
    due_ms = [queue.calls[0].due_ms for queue in queues if queue.calls]
    return round(now_s - min(due_ms) / 1000, 1) if due_ms else None


def _queue(queue: PendingQueue) -> Queue:
    return Queue([PendingJob(c.key, c.tokens, c.app, c.priority) for c in queue.calls], queue.more)


def _summary(app: str, priority: str, count: int, more: bool) -> Queue:
    """As much of a queue as the end of a cycle needs: whose it is, and how many calls it has."""
    return Queue([PendingJob("", 1, app, Priority(priority))] * count, more)


def _ids(jobs: Sequence[PendingJob]) -> list[str]:
    return [job.id for job in jobs]
