"""Takes jobs in: checks them, stores each once, and passes the good ones on."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.errors import AbandonedJobError, PermanentError, SluiceError
from shared.jobs.kinds import Kind
from shared.jobs.lifecycle import TOO_MANY_DELIVERIES, Publish, Requeue, on_duplicate
from shared.jobs.lines import Line
from shared.jobs.publisher import Publisher
from shared.jobs.record import JobRecord
from shared.jobs.store import JobStore
from shared.messages import Envelope
from shared.storage.payloads import PayloadStore
from shared.telemetry.context import LoggingContext, trace_id_of
from shared.telemetry.events import log_event

_CONCURRENCY = 16
_GIVE_UP_AFTER_DELIVERIES = 100
"""Of a dead letter, those to the in queue included: a body that kills the process must not do so for ever."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message from an in queue, or as if it came from there.

    Attributes:
        count: how often it was delivered, this time included.
        tokens: the estimate, where it was made already.
    """

    envelope: Envelope
    body: bytes
    count: int = 1
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _TakenIn:
    """A job as it is stored now; None where it was removed in this moment. `waits`: its call has to line up."""

    record: JobRecord | None
    waits: bool


class Intake:
    """Accepts messages. It raises only where storage or messaging fails; delivering them again is harmless."""

    def __init__(
        self,
        store: JobStore,
        payloads: PayloadStore,
        publisher: Publisher,
        lines: Mapping[str, Line],
        kinds: Mapping[str, Kind],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._publisher = publisher
        self._lines = lines
        self._kinds = kinds
        self._clock = clock

    async def accept(self, kind: str, deliveries: Sequence[Delivery], *, dead_letter: str | None = None) -> bool:
        """Take a batch in.

        Args:
            dead_letter: the reason, where the messages come from the dead-letter queue of the in queue. Those that
                were delivered too often are tried again, as usually storage was away; others end as failed, unless
                the job is known already.

        Returns:
            Whether jobs were lined up: where they wait for quota, the pump has work now.

        Raises:
            StorageError, MessagingError: what was stored stays; the batch may be delivered again.
        """
        return any(taken.waits for taken in await self._take_in(kind, deliveries, dead_letter))

    async def submit(self, kind: str, deliveries: Sequence[Delivery]) -> list[JobRecord | None]:
        """As `accept`. Returns each job as it is stored now, which one of another body may have been before.

        Raises:
            StorageError, MessagingError
        """
        return [taken.record for taken in await self._take_in(kind, deliveries, None)]

    async def _take_in(self, kind: str, deliveries: Sequence[Delivery], dead_letter: str | None) -> list[_TakenIn]:
        turns = asyncio.Semaphore(_CONCURRENCY)

        async def one(delivery: Delivery) -> _TakenIn:
            sent = delivery.envelope
            ids = {"correlation_id": sent.correlation_id, "trace_id": trace_id_of(sent.traceparent)}
            async with turns:
                with LoggingContext(job_id=sent.job_id, **ids):
                    return await self._accept_one(kind, delivery, dead_letter)

        results = await asyncio.gather(*(one(d) for d in deliveries), return_exceptions=True)
        taken = [r for r in results if isinstance(r, _TakenIn)]
        await self._lines[kind].enqueue([one.record for one in taken if one.record is not None and one.waits])
        if failed := next((r for r in results if isinstance(r, BaseException)), None):
            raise failed
        return taken

    async def check(self, kind: str, body: bytes) -> int:
        """Whether a body is valid, and its call can ever be made. Returns the tokens of that, as estimated.

        Raises:
            InvalidMessageError, OversizedRequestError, ConfigurationError
        """
        request = self._kinds[kind].decode(body)
        # In a thread: the first estimate loads the tokenizer, and a long text takes its time.
        tokens = await asyncio.to_thread(self._kinds[kind].estimate, request)
        self._lines[kind].check(tokens)
        return tokens

    async def _accept_one(self, kind: str, delivery: Delivery, dead_letter: str | None) -> _TakenIn:
        """Store one job."""
        now = self._clock()
        tokens = 0
        error: SluiceError | None = None
        body = delivery.body
        try:
            if dead_letter is not None and (
                dead_letter != TOO_MANY_DELIVERIES or delivery.count > _GIVE_UP_AFTER_DELIVERIES
            ):
                raise AbandonedJobError(f"Service Bus dead-lettered the message: {dead_letter}")
            body = await self._body(delivery)
            tokens = delivery.tokens if delivery.tokens is not None else await self.check(kind, body)
        except PermanentError as caught:
            error = caught
        prefix = JobRecord.prefix(kind, delivery.envelope.job_id)
        payload = await self._payloads.keep(f"{prefix}/body", body)
        record = JobRecord.new(kind, delivery.envelope, payload, now, tokens)
        if error is not None:
            record = await self._publisher.failed(record, error)
        stored = await self._store.add(record)
        if stored is None:
            return await self._resume(kind, delivery.envelope.job_id)
        log_event(
            logger,
            "job_accepted" if error is None else "job_rejected",
            level=logging.INFO if error is None else logging.WARNING,
            job_id=stored.job_id,
            kind=kind,
            app_id=stored.app_id,
            reason=stored.error_code,
        )
        if error is not None:
            await self._publisher.publish(stored)
        return _TakenIn(stored, waits=error is None)

    async def _resume(self, kind: str, job_id: str) -> _TakenIn:
        """The job is known already: finish the step that was cut off, if one was."""
        record = await self._store.get(kind, job_id)
        if record is None:  # removed in this moment: it was known, so it has had its end
            return _TakenIn(None, waits=False)
        decision = on_duplicate(record)
        if isinstance(decision, Publish):
            await self._publisher.publish(record)
        log_event(logger, "job_known", job_id=job_id, kind=kind, state=str(record.state))
        if isinstance(decision, Requeue):
            await self._store.relist(record)
        return _TakenIn(record, waits=isinstance(decision, Requeue))

    async def _body(self, delivery: Delivery) -> bytes:
        envelope = delivery.envelope
        if envelope.claim_check is None:
            return delivery.body
        return await self._payloads.claim(envelope.claim_check, envelope.claim_check_sha256)
