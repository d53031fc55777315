"""Runs one attempt of one job: spends the booking, calls the model once, stores what came of it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.errors import (
    BookingMissedError,
    ConflictError,
    InvalidOutputError,
    RateLimitedError,
    SluiceError,
)
from shared.jobs.booked_calls import BookedCall, BookedCalls
from shared.jobs.faults import internal_error
from shared.jobs.job_telemetry import job_retried
from shared.jobs.kinds import Draft, JobKind
from shared.jobs.lifecycle import Begin, Fail, Ignore, Publish, Requeue, on_error, on_missed, on_ticket
from shared.jobs.publisher import Publisher
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.record import JobRecord
from shared.jobs.store import JobStore
from shared.messages import RunTicket
from shared.model.client import ModelService
from shared.model.metering import MeteredModelClient
from shared.resilience.retry import RetryPolicy
from shared.storage.payloads import PayloadStore
from shared.telemetry.context import LoggingContext, trace_id_of
from shared.telemetry.events import log_event

_CONFLICT_LIMIT = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended.

    Attributes:
        waits: whether a call of the job waits for quota now, so that the pump has work.
        throttled: the endpoint answered 429: epoch of the booking, and `retry-after` where it was given.
    """

    waits: bool = False
    throttled: tuple[int, float | None] | None = None


class JobRunner:
    """Makes attempts. Only failing storage or messaging raises; Service Bus then delivers the ticket again."""

    def __init__(
        self,
        store: JobStore,
        payloads: PayloadStore,
        publisher: Publisher,
        kinds: Mapping[str, JobKind],
        model: ModelService,
        queue: QuotaQueue,
        calls: BookedCalls,
        policy: RetryPolicy,
        max_throttles: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._publisher = publisher
        self._kinds = kinds
        self._model = model
        self._queue = queue
        self._calls = calls
        self._policy = policy
        self._max_throttles = max_throttles
        self._clock = clock

    async def run(self, ticket: RunTicket) -> Ran:
        """Do what this ticket asks for: usually one attempt of its job.

        Raises:
            StorageError, MessagingError: the ticket has to be delivered again.
        """
        with LoggingContext(job_id=ticket.job_id):
            return await self._run(ticket)

    async def _run(self, ticket: RunTicket) -> Ran:
        for _ in range(_CONFLICT_LIMIT):
            record = await self._store.get(ticket.kind, ticket.job_id)
            decision = on_ticket(record, ticket, self._clock())
            try:
                match decision:
                    case Begin(record):
                        return await self._begin(record, ticket)
                    case Requeue():
                        return await self._requeue(decision)
                    case Fail(record, error):
                        await self._publisher.end(await self._publisher.failed(record, error))
                    case Publish(record):
                        await self._publisher.publish(record)
                    case Ignore(reason):
                        log_event(logger, "ticket_ignored", job_id=ticket.job_id, kind=ticket.kind, reason=reason)
            except ConflictError:
                continue  # somebody else moved the job on: look again
            return Ran()
        raise ConflictError(f"The job {ticket.job_id} keeps changing.")

    async def _begin(self, record: JobRecord, ticket: RunTicket) -> Ran:
        """Spend the booking and make the attempt, or give the booking back and line up again."""
        call = self._calls.of(ticket)
        if missed := await call.turn():
            return await self._miss(record, call, missed.reason)
        with LoggingContext(correlation_id=record.correlation_id, trace_id=trace_id_of(record.traceparent)):
            return await self._attempt(await self._store.update(record), ticket, call)

    async def _miss(self, record: JobRecord, call: BookedCall, reason: str) -> Ran:
        ran = await self._requeue(on_missed(record, self._clock()))
        await call.missed(reason)
        return ran

    async def _attempt(self, record: JobRecord, ticket: RunTicket, call: BookedCall) -> Ran:
        kind = self._kinds[record.kind]
        model = MeteredModelClient(self._model, call.before_send)
        log_event(logger, "job_started", job_id=record.job_id, kind=record.kind, attempt=record.attempt)
        request: Any = None
        error: SluiceError
        try:
            request = kind.decode(await self._payloads.load(record.body))
            result = await kind.run(request, model=model, draft=await self._draft(record))
        except BookingMissedError:
            return await self._miss(record, call, "late")
        except SluiceError as caught:
            error = caught
        except Exception as fault:
            error = internal_error(fault, record.job_id)
        else:
            await call.ended(model)
            ended = await self._publisher.succeeded(_metered(record, model), result, model.model)
            log_event(logger, "job_succeeded", job_id=record.job_id, kind=record.kind, attempt=record.attempt)
            await self._publisher.end(ended)
            return Ran()
        await call.ended(model, error)
        throttled = (ticket.epoch, error.retry_after_s) if isinstance(error, RateLimitedError) else None
        ran = await self._on_error(_metered(record, model), request, error, model)
        return replace(ran, throttled=throttled)

    async def _on_error(self, record: JobRecord, request: Any, error: SluiceError, model: MeteredModelClient) -> Ran:
        record, draft_kept = await self._keep_draft(record, request, error)
        decision = on_error(
            record, error, self._policy, self._clock(), max_throttles=self._max_throttles, draft_kept=draft_kept
        )
        if isinstance(decision, Requeue):
            log_event(
                logger,
                "job_requeued",
                level=logging.WARNING,
                job_id=record.job_id,
                kind=record.kind,
                attempt=record.attempt,
                reason=error.code,
            )
            job_retried(record.kind, error.code)
            try:
                return await self._requeue(decision)
            except ConflictError:
                # The lock was lost and another delivery has taken over: the next attempt is its business.
                log_event(logger, "attempt_superseded", job_id=record.job_id, kind=record.kind)
                return Ran()
        log_event(
            logger,
            "job_failed",
            level=logging.WARNING,
            job_id=record.job_id,
            kind=record.kind,
            attempt=record.attempt,
            reason=error.code,
        )
        await self._publisher.end(await self._publisher.failed(decision.record, error, model.model))
        return Ran()

    async def _requeue(self, requeue: Requeue) -> Ran:
        record = await self._store.update(requeue.record) if requeue.changed else requeue.record
        await self._queue.enqueue([record])
        return Ran(waits=True)

    async def _draft(self, record: JobRecord) -> Draft | None:
        if record.draft is None:
            return None
        output = (await self._payloads.load(record.draft)).decode()
        return Draft(output, record.draft_error or "")

    async def _keep_draft(self, record: JobRecord, request: Any, error: SluiceError) -> tuple[JobRecord, bool]:
        """Keep an invalid answer for the one repair call, unless this was the repair, or it is too large for one."""
        if not isinstance(error, InvalidOutputError) or record.draft is not None:
            return record, False
        repair = Draft(error.output, str(error))
        tokens = await asyncio.to_thread(self._kinds[record.kind].estimate, request, repair)
        if not self._queue.fits(tokens):
            return record, False
        draft = await self._payloads.keep(f"{record.blob_prefix}/draft", error.output.encode("utf-8", "replace"))
        return record.changed(record.updated_at, draft=draft, draft_error=str(error)[:1000], tokens=tokens), True


def _metered(record: JobRecord, model: MeteredModelClient) -> JobRecord:
    return record.changed(
        record.updated_at,
        input_tokens=record.input_tokens + model.usage.input_tokens,
        output_tokens=record.output_tokens + model.usage.output_tokens,
    )
