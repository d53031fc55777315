"""Jobs that didn't end well: dead letters are reconciled with the store; failed jobs are replayed or discarded."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from shared.errors import ConflictError, InvalidMessageError
from shared.jobs.intake import Delivery, Intake
from shared.jobs.kinds import Kind
from shared.jobs.lifecycle import Fail, Publish, Requeue, on_dead_letter, replayed
from shared.jobs.lines import Line
from shared.jobs.publisher import Publisher
from shared.jobs.record import JobRecord, JobState
from shared.jobs.store import JobStore
from shared.messages import RunTicket
from shared.storage.payloads import PayloadStore
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)


class FailedJobs:
    """Everything that can be done about a job that failed.

    Args:
        mark: is told the id of a job that has ended and is about to be changed.
    """

    def __init__(
        self,
        store: JobStore,
        payloads: PayloadStore,
        publisher: Publisher,
        intake: Intake,
        lines: Mapping[str, Line],
        kinds: Mapping[str, Kind],
        clock: Callable[[], datetime],
        mark: Callable[[str, datetime], Awaitable[None]] | None = None,
    ) -> None:
        self._mark = mark
        self._store = store
        self._payloads = payloads
        self._publisher = publisher
        self._intake = intake
        self._lines = lines
        self._kinds = kinds
        self._clock = clock

    async def reconcile(self, kind: str, delivery: Delivery, reason: str) -> bool:
        """A message on a run queue was dead-lettered: its job goes on where it can, and else ends as failed.

        What isn't one of our run messages becomes a failed job of its own, so that it is kept and seen.

        Returns:
            Whether the job was lined up again.

        Raises:
            StorageError, MessagingError: the dead letter has to be delivered again.
        """
        try:
            ticket = RunTicket.decode(delivery.body)
        except InvalidMessageError:
            return await self._intake.accept(kind, [delivery], dead_letter=f"not a run message of ours ({reason})")
        record = await self._store.get(ticket.kind, ticket.job_id)
        if record is None:
            log_event(logger, "dead_letter_of_unknown_job", level=logging.WARNING, job_id=ticket.job_id)
            return False
        log_event(logger, "job_dead_lettered", level=logging.WARNING, job_id=ticket.job_id, kind=ticket.kind)
        match on_dead_letter(record, ticket, reason, self._clock()):
            case Fail(record, error):
                await self._publisher.end(await self._publisher.failed(record, error))
            case Publish(record):
                await self._publisher.publish(record)
            case Requeue(record, changed):
                again = await self._store.update(record) if changed else record
                await self._lines[record.kind].enqueue([again])
                return True
            case _:
                pass
        return False

    async def body(self, record: JobRecord) -> bytes:
        """The original message body."""
        return await self._payloads.load(record.body)

    async def outcome(self, record: JobRecord) -> bytes | None:
        """The stored outcome as JSON, if there is one."""
        return await self._payloads.load(record.outcome) if record.outcome else None

    async def replay(self, record: JobRecord, body: bytes | None = None) -> JobRecord:
        """Run a failed job again, from its original body or a mended one.

        Raises:
            InvalidMessageError, OversizedRequestError: the body is not valid: nothing is changed.
            ConflictError: the job isn't failed any more.
        """
        if self._mark is not None:
            await self._mark(record.job_id, self._clock())
        return await self.again(record, body)

    async def again(self, record: JobRecord, body: bytes | None = None) -> JobRecord:
        """As `replay`, where whoever counts jobs knows of it already."""
        if record.state is JobState.PENDING and body is None:
            # An earlier replay was cut off before its call was lined up.
            await self._lines[record.kind].enqueue([record])
            return record
        if record.state is not JobState.FAILED:
            raise ConflictError(f"The job {record.job_id} is {record.state}, not failed.")
        if body is None and record.claim_check is not None:
            body = await self._payloads.claim(record.claim_check, record.claim_check_sha256)
        checked = body if body is not None else await self.body(record)
        kind = self._kinds[record.kind]
        tokens = await asyncio.to_thread(kind.estimate, kind.decode(checked))
        self._lines[record.kind].check(tokens)
        again = replayed(record, self._clock()).changed(self._clock(), tokens=tokens)
        if body is not None:
            payload = await self._payloads.keep(f"{record.blob_prefix}/body", body)
            again = again.changed(again.updated_at, body=payload, claim_check=None, claim_check_sha256=None)
        again = await self._store.update(again)
        await self._lines[record.kind].enqueue([again])
        log_event(logger, "job_replayed", job_id=record.job_id, kind=record.kind, replay=again.replay)
        return again

    async def discard(self, record: JobRecord) -> JobRecord:
        """Take a failed job off the list of failures. Its record and outcome stay.

        Raises:
            ConflictError: the job isn't failed any more.
        """
        if record.state is not JobState.FAILED:
            raise ConflictError(f"The job {record.job_id} is {record.state}, not failed.")
        if self._mark is not None:
            await self._mark(record.job_id, self._clock())
        log_event(logger, "job_discarded", job_id=record.job_id, kind=record.kind)
        return await self._store.update(record.changed(self._clock(), state=JobState.CANCELLED))
