"""Forgets one job: everything that is kept of it, at once."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.errors import ConflictError
from shared.jobs.pending import PendingCalls
from shared.jobs.record import JobRecord, JobState
from shared.jobs.store import JobStore
from shared.storage.payloads import PayloadStore
from shared.telemetry.events import log_event

_CONFLICT_LIMIT = 5

logger = logging.getLogger(__name__)

type RemoveHistory = Callable[[str], Awaitable[int]]
"""Deletes the durable history of the job with this id. Returns how many instances it had."""


class JobRunningError(ConflictError):
    """A run of the job is under way."""

    code = "job_running"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was deleted of a job, in numbers: its row, blobs, entries among the failures, pending calls, history."""

    rows: int = 0
    blobs: int = 0
    failures: int = 0
    calls: int = 0
    histories: int = 0

    @property
    def anything(self) -> bool:
        return any((self.rows, self.blobs, self.failures, self.calls, self.histories))


class Forgetting:
    """Deletes jobs whatever their state. What is in queues stays there: their messages expire by themselves.

    The claim check that the row names goes first, then the row; from then on messages for the job are ignored. The rest
    is found by the job's id, so that forgetting a job again after a crash ends what was begun, and retention finds it,
    too.

    Args:
        histories: by kind of job, for those that have durable history.
    """

    def __init__(
        self,
        store: JobStore,
        payloads: PayloadStore,
        pending: PendingCalls,
        histories: Mapping[str, RemoveHistory] | None = None,
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._pending = pending
        self._histories = histories or {}

    async def forget(self, kind: str, job_id: str, *, force: bool = False) -> Forgotten:
        """Delete everything of a job. One that isn't known is no error: there may be something left of it.

        Args:
            force: also while a run is under way. Its result is dropped, but a large one may leave a blob: forget again
                when it has ended, or leave that to retention.

        Raises:
            JobRunningError: a run is under way; nothing was deleted.
            ConflictError: the job keeps changing.
            StorageError: something may be left; forget it again.
        """
        rows, blobs = await self._forget_row(kind, job_id, force=force)
        blobs += await self._payloads.remove_all(JobRecord.prefix(kind, job_id))
        failures = await self._store.unindex(kind, job_id)
        calls = await self._pending.remove_job(kind, job_id)
        histories = await self._histories[kind](job_id) if kind in self._histories else 0
        log_event(logger, "job_forgotten", job_id=job_id, kind=kind, rows=rows, blobs=blobs, calls=calls)
        return Forgotten(rows, blobs, failures, calls, histories)

    async def _forget_row(self, kind: str, job_id: str, *, force: bool) -> tuple[int, int]:
        for _ in range(_CONFLICT_LIMIT):
            record = await self._store.get(kind, job_id)
            if record is None:
                return 0, 0
            if not force and is_under_way(record):
                raise JobRunningError(f"A run of the job {job_id} is under way. Forget it when it has ended.")
            blobs = 0
            if record.claim_check is not None:
                blobs = int(await self._payloads.remove_claim(record.claim_check))
            try:
                await self._store.remove(record)
            except ConflictError:
                continue  # it has moved on: look again
            return 1, blobs
        raise ConflictError(f"The job {job_id} keeps changing.")


def is_under_way(record: JobRecord) -> bool:
    """Whether a run may be calling the model for this job now. One that was cut off looks the same for a minute."""
    return record.state is JobState.RUNNING
