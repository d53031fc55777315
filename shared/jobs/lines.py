"""Where jobs line up for what comes next: those of one call for the quota, those of several for their run queue."""

from collections.abc import Sequence
from typing import Protocol

from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.record import JobRecord, message_id
from shared.messages import OutgoingMessage, RunTicket
from shared.messaging.sender import MessageSender


class Line(Protocol):
    """The line of one kind of job."""

    def fits(self, tokens: int) -> bool:
        """Whether a call of this size can ever be made."""
        ...

    def check(self, tokens: int) -> None:
        """Refuse a job that can never run.

        Raises:
            OversizedRequestError, ConfigurationError
        """
        ...

    async def enqueue(self, records: Sequence[JobRecord]) -> None:
        """Line pending jobs up. Doing so twice is harmless.

        Raises:
            StorageError, MessagingError
        """
        ...

    async def withdraw(self, record: JobRecord) -> None:
        """Take a job that was pending out of the line, as far as that goes: one that is let through ends by itself.

        Raises:
            StorageError
        """
        ...


class RunLine:
    """Implements Line for jobs of several calls: a message on their run queue at once; each call lines up later.

    Args:
        queue: the run queue.
        calls: of the deployment that the job calls; knows how large a call may be.
    """

    def __init__(self, sender: MessageSender, queue: str, calls: QuotaQueue) -> None:
        self._sender = sender
        self._queue = queue
        self._calls = calls

    def fits(self, tokens: int) -> bool:
        """See Line."""
        return self._calls.fits(tokens)

    def check(self, tokens: int) -> None:
        """See Line."""
        self._calls.check_known()
        self._calls.check(tokens)

    async def enqueue(self, records: Sequence[JobRecord]) -> None:
        """See Line."""
        if records:
            await self._sender.send(self._queue, [_run_message(record) for record in records])

    async def withdraw(self, record: JobRecord) -> None:
        """See Line. A message that is sent stays."""


def _run_message(record: JobRecord) -> OutgoingMessage:
    return OutgoingMessage(
        message_id=message_id(record.job_id, f"{record.attempt}:{record.booking}"),
        body=RunTicket(record.kind, record.job_id, record.attempt, record.booking).encode(),
        correlation_id=record.correlation_id,
        properties={
            "job_id": record.job_id,
            "app_id": record.app_id,
            "run_id": record.run_id,
            "traceparent": record.traceparent,
        },
        not_before=record.not_before,
    )
