"""In-memory doubles of storage and messaging that keep the real semantics: ETags, duplicate detection, failures."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from shared.errors import ConflictError, InvalidMessageError, MessagingError, StorageError, UnknownQueueError
from shared.jobs.call_reports import CallReport
from shared.jobs.pending_call import PendingCall
from shared.jobs.record import JobRecord, JobState
from shared.messages import OutgoingMessage, RunTicket
from shared.quota.freeze import Freeze
from shared.storage.azure import FoundBlob


class MemoryJobStore:
    """A JobStore. Set `failing` to make every call fail."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], JobRecord] = {}
        self.failing = False
        self._version = 0

    def _stamp(self, record: JobRecord) -> JobRecord:
        self._version += 1
        # Through the row form and back, as a table would.
        record = JobRecord.from_row(record.to_row(), f"v{self._version}")
        self.rows[record.kind, record.job_id] = record
        return record

    def _check(self) -> None:
        if self.failing:
            raise StorageError("The store is away.")

    async def add(self, record: JobRecord) -> JobRecord | None:
        self._check()
        return None if (record.kind, record.job_id) in self.rows else self._stamp(record)

    async def get(self, kind: str, job_id: str) -> JobRecord | None:
        self._check()
        return self.rows.get((kind, job_id))

    async def update(self, record: JobRecord) -> JobRecord:
        self._check()
        current = self.rows.get((record.kind, record.job_id))
        if current is None or current.etag != record.etag:
            raise ConflictError("It has changed.")
        return self._stamp(record)

    async def relist(self, record: JobRecord) -> None:
        self._check()

    async def remove(self, record: JobRecord) -> None:
        self._check()
        current = self.rows.get((record.kind, record.job_id))
        if current is not None and current.etag != record.etag:
            raise ConflictError("It has changed.")
        self.rows.pop((record.kind, record.job_id), None)

    async def unindex(self, kind: str, job_id: str) -> int:
        self._check()
        return 0  # `failures` looks at the rows themselves

    async def failures(self, kind: str, after: str | None = None) -> AsyncIterator[JobRecord]:
        self._check()
        failed = [r for r in self.rows.values() if r.kind == kind and r.state is JobState.FAILED]
        for record in sorted(failed, key=lambda r: r.updated_at, reverse=True):
            if record.failure_key is None or record.failure_key > (after or ""):
                yield record

    def touch(self, kind: str, job_id: str) -> None:
        """Change a row's ETag, as another writer would."""
        self._stamp(replace(self.rows[kind, job_id]))


class MemoryBlobs:
    """A BlobStore."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.blobs: dict[str, bytes] = {}
        self.failing = False

    async def write(self, name: str, data: bytes, content_type: str | None = None) -> None:
        if self.failing:
            raise StorageError("Blobs are away.")
        self.blobs[name] = data

    async def read(self, name: str, *, max_bytes: int | None = None) -> bytes:
        if self.failing:
            raise StorageError("Blobs are away.")
        if name not in self.blobs:
            raise InvalidMessageError(f"There is no blob {name}.")
        if max_bytes is not None and len(self.blobs[name]) > max_bytes:
            raise InvalidMessageError(f"The blob {name} is too large.")
        return self.blobs[name]

    async def read_if_there(self, name: str) -> bytes | None:
        if self.failing:
            raise StorageError("Blobs are away.")
        return self.blobs.get(name)

    async def remove(self, name: str) -> bool:
        if self.failing:
            raise StorageError("Blobs are away.")
        return self.blobs.pop(name, None) is not None

    async def find(self, prefix: str, after: str | None = None) -> tuple[list[FoundBlob], str | None]:
        """Two to a page."""
        names = sorted(name for name in self.blobs if name.startswith(prefix) and name > (after or ""))
        found = [FoundBlob(name, datetime.now(UTC), "") for name in names[:2]]
        return found, names[1] if len(names) > 2 else None


class MemorySender:
    """A MessageSender with duplicate detection."""

    def __init__(self, queues: Sequence[str]) -> None:
        self.queues: dict[str, list[OutgoingMessage]] = {name: [] for name in queues}
        self.failing = False
        self._seen: set[tuple[str, str]] = set()

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        if self.failing:
            raise MessagingError("Service Bus is away.")
        if queue not in self.queues:
            raise UnknownQueueError(f"No queue {queue}.")
        for message in messages:
            if (queue, message.message_id) not in self._seen:
                self._seen.add((queue, message.message_id))
                self.queues[queue].append(message)


class MemoryPending:
    """PendingCalls with a pump that lets everything through at once, unbooked."""

    def __init__(self, sender: MemorySender, run_queue: str) -> None:
        self.calls: dict[str, PendingCall] = {}
        self.failing = False
        self._sender = sender
        self._run_queue = run_queue

    async def put(self, deployment: str, calls: Sequence[PendingCall]) -> None:
        for call in calls:
            if self.failing:
                raise StorageError("The table is away.")
            self.calls[call.key] = call
            await self._sender.send(self._run_queue, [call.run_message()])

    async def remove(self, deployment: str, keys: Iterable[str]) -> None:
        for key in keys:
            self.calls.pop(key, None)

    async def remove_job(self, kind: str, job_id: str) -> int:
        keys = [key for key, call in self.calls.items() if (call.kind, call.job_id) == (kind, job_id)]
        for key in keys:
            del self.calls[key]
        return len(keys)

    async def touch(self) -> str:
        return ""


class MemoryReports:
    """Reports, and the freeze that all workers share."""

    def __init__(self) -> None:
        self.kept: list[CallReport] = []
        self.frozen = Freeze()
        self.failing = False

    async def put(self, ticket: RunTicket, report: CallReport) -> None:
        if self.failing:
            raise StorageError("The table is away.")
        self.kept.append(report)

    async def freeze(self) -> Freeze:
        return self.frozen

    async def throttled(self, epoch: int, retry_after_s: float | None, now_s: float) -> Freeze:
        self.frozen = self.frozen.after(epoch, retry_after_s, now_s)
        return self.frozen
