"""The run's side of admission: a booked call waits for its start, is made once, and what became of it is reported."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from shared.errors import BookingMissedError, RateLimitedError, SluiceError
from shared.jobs.call_reports import CallReport
from shared.messages import RunTicket
from shared.model.client import ModelService
from shared.model.metering import MeteredModelClient
from shared.quota.delivery import Call, Missed, Ticket, Wait, decide_run
from shared.quota.freeze import Freeze
from shared.storage.server_clock import ServerClock
from shared.telemetry.events import log_event
from shared.telemetry.metrics import increment_counter

_NO_FREEZE = Freeze()

logger = logging.getLogger(__name__)


class Reports(Protocol):
    """Where reports go, and where the last 429 is known. See CallReports."""

    async def put(self, ticket: RunTicket, report: CallReport) -> None: ...

    async def freeze(self) -> Freeze: ...

    async def throttled(self, epoch: int, retry_after_s: float | None, now_s: float) -> Freeze: ...


class BookedCalls:
    """Looks after the bookings of the calls that this worker makes."""

    def __init__(
        self, reports: Reports, clock: ServerClock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.reports = reports
        self.clock = clock
        self.sleep = sleep

    def of(self, ticket: RunTicket) -> "BookedCall":
        """The call that this ticket lets be made."""
        return BookedCall(self, ticket)

    async def make[T](
        self, ticket: RunTicket, model: ModelService, step: Callable[[MeteredModelClient], Awaitable[T]]
    ) -> T:
        """Make one booked call of an orchestration.

        Args:
            step: makes one call of the client that it is given.

        Raises:
            BookingMissedError: the booking is of no use any more; nothing was called.
            SluiceError: of the step.
        """
        call = self.of(ticket)
        metered = MeteredModelClient(model, call.before_send)
        if missed := await call.turn():
            await call.missed(missed.reason)
            raise BookingMissedError(f"The booking is of no use any more ({missed.reason}).")
        try:
            result = await step(metered)
        except BookingMissedError:
            await call.missed("late")
            raise
        except SluiceError as error:
            await call.ended(metered, error)
            raise
        await call.ended(metered)
        return result


class BookedCall:
    """One call: `turn`, then `before_send` when it leaves, then `ended`. Or `missed`."""

    def __init__(self, worker: BookedCalls, ticket: RunTicket) -> None:
        self._reports = worker.reports
        self._clock = worker.clock
        self._sleep = worker.sleep
        self._ticket = ticket
        self._booking = Ticket(ticket.start_s, ticket.tolerance_s, ticket.epoch)
        self._report = CallReport(ticket.start_s, ticket.tokens, ticket.epoch)
        self._first: asyncio.Future[None] | None = None

    async def turn(self) -> Missed | None:
        """Wait for the start: by its schedule, tenths of a second.

        Returns:
            Why no call may be made, or None where it may.

        Raises:
            StorageError
        """
        ticket = self._ticket
        await self._clock.refresh()
        if ticket.due_s:
            self._report = replace(self._report, late_s=max(0.0, self._clock.now_s() - ticket.due_s))
        while ticket.start_s:
            match decide_run(self._booking, await self._reports.freeze(), self._clock.now_s()):
                case Wait(delay_s):
                    await self._sleep(delay_s)
                case Missed() as missed:
                    return missed
                case Call():
                    break
        return None

    def before_send(self) -> None:
        """The request leaves now. Reported while the call runs, so that the pump soon knows how many start.

        Raises:
            BookingMissedError: it is too late by now.
        """
        if not self._ticket.start_s:
            return
        match decide_run(self._booking, _NO_FREEZE, self._clock.now_s()):
            case Call(sent_s):
                self._report = replace(self._report, sent_s=sent_s)
                self._first = asyncio.ensure_future(self._put(self._report))
            case _:
                raise BookingMissedError("The call came too late for its booking.")

    async def missed(self, reason: str) -> None:
        """Give the booking back: no call was made."""
        log_event(logger, "booking_missed", job_id=self._ticket.job_id, kind=self._ticket.kind, reason=reason)
        increment_counter("sluice.calls.missed", tags={"sluice.job.kind": self._ticket.kind, "reason": reason})
        await self._put(replace(self._report, missed_s=self._clock.now_s() if reason == "late" else None))

    async def ended(self, model: MeteredModelClient, error: SluiceError | None = None) -> None:
        """Report what an answer said of the quota, and tell everybody of a 429.

        A booking whose call the endpoint refused isn't given back: that would need an order of the two reports, and
        counting too much is harmless.

        Args:
            error: what the call ended with, if not with an answer.
        """
        ticket = self._ticket
        if isinstance(error, RateLimitedError):
            freeze = await self._reports.throttled(ticket.epoch, error.retry_after_s, self._clock.now_s())
            increment_counter("sluice.calls.throttled", tags={"sluice.job.kind": ticket.kind})
            log_event(logger, "throttled", level=logging.WARNING, job_id=ticket.job_id, epoch=freeze.epoch)
        if self._first is None:
            if ticket.start_s:  # the run ended before any call was made
                await self._put(self._report)
            return
        await self._first
        if model.model is not None:
            answered = replace(
                self._report,
                answered=True,
                late_s=None,
                remaining_tokens=model.remaining_tokens,
                prompt_tokens=model.usage.input_tokens,
                completion_tokens=model.usage.output_tokens,
            )
            await self._put(answered)

    async def _put(self, report: CallReport) -> None:
        try:
            await self._reports.put(self._ticket, report)
        except SluiceError as error:
            # The booking then counts for longer than it need: too careful, never too bold.
            log_event(logger, "report_lost", level=logging.WARNING, job_id=self._ticket.job_id, reason=error.code)
