"""The run's side of admission: a booked call waits for its start, is made once, and what became of it is reported."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from shared.errors import RateLimitedError, SluiceError
from shared.jobs.call_reports import CallReport
from shared.messages import RunTicket
from shared.model.metering import MeteredModelClient
from shared.quota.delivery import Call, Missed, Ticket, Wait, decide_run
from shared.quota.freeze import Freeze
from shared.storage.server_clock import ServerClock
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)


class Reports(Protocol):
    """Where reports go, and where the last 429 is known. See CallReports."""

    async def put(self, ticket: RunTicket, report: CallReport) -> None: ...

    async def freeze(self) -> Freeze: ...

    async def throttled(self, epoch: int, retry_after_s: float | None, now_s: float) -> Freeze: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """What a ticket is good for.

    Attributes:
        decision: call now, or not at all.
        report: what is known of it so far.
    """

    decision: Call | Missed
    report: CallReport


class BookedCalls:
    """Looks after the bookings of the calls that this worker makes."""

    def __init__(
        self, reports: Reports, clock: ServerClock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._reports = reports
        self._clock = clock
        self._sleep = sleep

    async def turn(self, ticket: RunTicket) -> Turn:
        """Wait for the start of a booked call: by its schedule, tenths of a second.

        Raises:
            StorageError
        """
        await self._clock.refresh()
        came_s = self._clock.now_s()
        late_s = max(0.0, came_s - ticket.due_s) if ticket.due_s else None
        report = CallReport(ticket.start_s, ticket.tokens, ticket.epoch, late_s=late_s)
        if not ticket.start_s:
            return Turn(Call(came_s), report)
        booking = Ticket(ticket.start_s, ticket.tolerance_s, ticket.epoch)
        while True:
            match decide_run(booking, await self._reports.freeze(), self._clock.now_s()):
                case Wait(delay_s):
                    await self._sleep(delay_s)
                case decision:
                    return Turn(decision, report)

    async def missed(self, ticket: RunTicket, turn: Turn, reason: str) -> None:
        """Give a booking back that came to nothing."""
        log_event(logger, "booking_missed", job_id=ticket.job_id, kind=ticket.kind, reason=reason)
        late = self._clock.now_s() if reason == "late" else None
        await self._put(ticket, replace(turn.report, missed_s=late))

    async def begun(self, ticket: RunTicket, turn: Turn) -> None:
        """Report that the call is being made. Written while it runs, so that the pump soon knows how many start."""
        if isinstance(turn.decision, Call):
            await self._put(ticket, replace(turn.report, sent_s=turn.decision.sent_s))

    async def ended(
        self, ticket: RunTicket, turn: Turn, model: MeteredModelClient, error: SluiceError | None = None
    ) -> None:
        """Report what an answer said of the quota, and tell everybody of a 429.

        A booking whose call the endpoint refused isn't given back: that would need an order of the two reports, and
        counting too much is harmless.

        Args:
            error: what the call ended with, if not with an answer.
        """
        if isinstance(error, RateLimitedError):
            freeze = await self._reports.throttled(ticket.epoch, error.retry_after_s, self._clock.now_s())
            log_event(logger, "throttled", level=logging.WARNING, job_id=ticket.job_id, epoch=freeze.epoch)
        if model.model is not None and isinstance(turn.decision, Call):
            report = replace(
                turn.report,
                answered=True,
                late_s=None,
                sent_s=turn.decision.sent_s,
                remaining_tokens=model.remaining_tokens,
                prompt_tokens=model.usage.input_tokens,
                completion_tokens=model.usage.output_tokens,
            )
            await self._put(ticket, report)

    async def _put(self, ticket: RunTicket, report: CallReport) -> None:
        if not ticket.start_s:
            return
        try:
            await self._reports.put(ticket, report)
        except SluiceError as error:
            # The booking then counts for longer than it need: too careful, never too bold.
            log_event(logger, "report_lost", level=logging.WARNING, job_id=ticket.job_id, reason=error.code)
