"""Cancels jobs: those that wait, and those of several calls also while they run."""

import logging
from collections.abc import Container, Mapping

from shared.errors import ConflictError
from shared.jobs.forget import JobRunningError
from shared.jobs.lines import Line
from shared.jobs.publisher import Publisher
from shared.jobs.record import JobRecord, JobState
from shared.jobs.store import JobStore
from shared.telemetry.events import log_event

_CONFLICT_LIMIT = 5

logger = logging.getLogger(__name__)


class JobEndedError(ConflictError):
    """The job has ended otherwise."""

    code = "job_ended"


class Cancellation:
    """Ends jobs as cancelled.

    The outcome is written under the row's ETag, so that it and the end of a run never both count. Whatever is under way
    for the job finds it ended: a run message is ignored, a step makes no further call, a result is dropped.

    Args:
        stepwise: kinds of jobs that may be cancelled while they run.
    """

    def __init__(
        self, store: JobStore, publisher: Publisher, lines: Mapping[str, Line], stepwise: Container[str]
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._lines = lines
        self._stepwise = stepwise

    async def cancel(self, record: JobRecord) -> JobRecord:
        """Cancel a job. One that is cancelled already is no error.

        Returns:
            The job. Where it was of several calls its orchestration may still run: end it.

        Raises:
            JobRunningError: its one call is being made.
            JobEndedError: it has succeeded or failed.
            ConflictError: the job keeps changing, or is gone.
            StorageError, MessagingError: cancel it again.
        """
        for _ in range(_CONFLICT_LIMIT):
            if record.state.final:
                if record.state is not JobState.CANCELLED:
                    raise JobEndedError(f"The job {record.job_id} has {record.state}.")
                await self._publisher.publish(record)
                return record
            if record.state is JobState.RUNNING and record.kind not in self._stepwise:
                raise JobRunningError(f"The job {record.job_id} is being run; it takes some seconds.")
            ended = await self._publisher.cancelled(record)
            try:
                stored = await self._store.update(ended)
            except ConflictError:
                current = await self._store.get(record.kind, record.job_id)
                if current is None:
                    raise
                record = current
                continue
            log_event(logger, "job_cancelled", job_id=record.job_id, kind=record.kind, state=str(record.state))
            if record.state is JobState.PENDING:
                await self._lines[record.kind].withdraw(record)
            await self._publisher.publish(stored)
            return stored
        raise ConflictError(f"The job {record.job_id} keeps changing.")
