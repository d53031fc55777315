"""The job store: one table row per job, an index of the failed ones, a list of all. Optimistic concurrency by ETag."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode

from shared.errors import ConflictError
from shared.jobs.job_list import JobList
from shared.jobs.list_entry import ListEntry
from shared.jobs.record import InList, JobRecord, JobState, partition_key, row_key
from shared.storage.azure import REPEAT, storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

JOBS_TABLE = "sluicejobs"
FAILURES_TABLE = "sluicefailures"
_LAST_MS = 10**13 - 1


class JobStore(Protocol):
    """Keeps job records. All methods raise StorageError when storage fails."""

    async def add(self, record: JobRecord) -> JobRecord | None:
        """Insert if absent. Returns the stored record, or None where the job is already known."""
        ...

    async def get(self, kind: str, job_id: str) -> JobRecord | None: ...

    async def update(self, record: JobRecord) -> JobRecord:
        """Write a changed record over the row that it was read from.

        Raises:
            ConflictError: the row has changed since, or is gone.
        """
        ...

    async def enlist(self, records: Sequence[JobRecord]) -> None:
        """Enter jobs into the list of jobs that were stored without it. Doing so twice is harmless."""
        ...

    async def relist(self, record: JobRecord) -> None:
        """See to it that the list of jobs has this job in its state, also where whoever wrote its row was cut off."""
        ...

    async def remove(self, record: JobRecord) -> None:
        """Delete the row that a record was read from, and its entries elsewhere. One that is gone is no error.

        Raises:
            ConflictError: the row has changed since.
        """
        ...

    async def unindex(self, kind: str, job_id: str) -> int:
        """Delete what the index of failures has of a job, also entries that a crash left. Returns how many."""
        ...

    def failures(self, kind: str, after: str | None = None) -> AsyncIterator[JobRecord]:
        """The failed jobs of a kind, newest first.

        Args:
            after: `failure_key` of the last that was seen, to go on behind it.
        """
        ...


class TableJobStore:
    """Implements JobStore on Azure Tables.

    The index entry of a failed job is written before its row says so and removed after the row stops saying so:
    a crash in between leaves an entry too many, never one too few, and readers check the row.

    The list of jobs follows the row: after a job is stored, and before its outcome is marked published. Whoever takes
    up a job after a crash puts that right (`relist`, or the next change of state). That a job runs is listed a moment
    later.

    Args:
        job_list: None for one of its own.
    """

    def __init__(self, service: "TableServiceClient", job_list: JobList | None = None) -> None:
        self._service = service
        self._list = job_list or JobList(service)
        self._jobs: TableClient = service.get_table_client(JOBS_TABLE)
        self._failures: TableClient = service.get_table_client(FAILURES_TABLE)

    async def prepare(self) -> None:
        """Create the tables if they are missing."""
        async with storage_errors("Creating the job tables"):
            for name in (JOBS_TABLE, FAILURES_TABLE):
                await self._service.create_table_if_not_exists(name, **REPEAT)
        await self._list.prepare()

    async def add(self, record: JobRecord) -> JobRecord | None:
        """See JobStore. After a lost answer the SDK's own retry makes this None although the row is ours."""
        record = await self._index(record)
        async with storage_errors("Storing a job"):
            try:
                meta = await self._jobs.create_entity(record.to_row(), **REPEAT)
            except ResourceExistsError:
                return None
        stored = JobRecord.from_row(record.to_row(), meta["etag"])
        await self._list.writer.move(ListEntry.of(stored), None, stored.state)
        return replace(stored, listed=InList(stored.state, sure=True))

    async def get(self, kind: str, job_id: str) -> JobRecord | None:
        """See JobStore."""
        return await self._read(partition_key(kind, job_id), row_key(job_id))

    async def update(self, record: JobRecord) -> JobRecord:
        """See JobStore."""
        old_key = record.failure_key
        record = await self._index(record)
        if record.published_at is not None:
            record = await self._follow(record)
        async with storage_errors("Updating a job"):
            try:
                meta = await self._jobs.update_entity(
                    record.to_row(),
                    mode=UpdateMode.REPLACE,
                    etag=record.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceNotFoundError:
                raise ConflictError("Updating a job: it was deleted meanwhile.") from None
        if old_key and record.failure_key is None:
            await self._unindex(record.kind, old_key)
        stored = replace(JobRecord.from_row(record.to_row(), meta["etag"]), listed=record.listed)
        return await self._follow(stored)

    async def enlist(self, records: Sequence[JobRecord]) -> None:
        """See JobStore."""
        moves = (self._list.writer.move(ListEntry.of(record), None, record.state) for record in records)
        await asyncio.gather(*moves)

    async def relist(self, record: JobRecord) -> None:
        """See JobStore."""
        await self._list.writer.settle(ListEntry.of(record), record.state)

    async def remove(self, record: JobRecord) -> None:
        """See JobStore. The list comes first: without the row nobody knows the entry."""
        await self._list.remove([record])
        async with storage_errors("Deleting a job"):
            await self._jobs.delete_entity(
                partition_key(record.kind, record.job_id),
                row_key(record.job_id),
                etag=record.etag,
                match_condition=MatchConditions.IfNotModified,
            )
        if record.failure_key:
            await self._unindex(record.kind, record.failure_key)

    async def unindex(self, kind: str, job_id: str) -> int:
        """See JobStore. Looks at all entries of the kind."""
        count = 0
        async with storage_errors("Looking for a job among the failures"):
            entries = self._failures.query_entities(
                "PartitionKey eq @kind and job_row eq @row", parameters={"kind": kind, "row": row_key(job_id)}
            )
            async for entry in entries:
                await self._unindex(kind, entry["RowKey"])
                count += 1
        return count

    async def failures(self, kind: str, after: str | None = None) -> AsyncIterator[JobRecord]:
        """See JobStore."""
        async with storage_errors("Listing failed jobs"):
            entries = self._failures.query_entities(
                "PartitionKey eq @kind and RowKey gt @after", parameters={"kind": kind, "after": after or ""}
            )
            async for entry in entries:
                record = await self._read(entry["job_partition"], entry["job_row"])
                if record and record.state is JobState.FAILED and record.failure_key == entry["RowKey"]:
                    yield record

    async def _read(self, partition: str, row: str) -> JobRecord | None:
        async with storage_errors("Reading a job"):
            try:
                entity = await self._jobs.get_entity(partition, row)
            except ResourceNotFoundError:
                return None
        return JobRecord.from_row(entity, entity.metadata["etag"])

    async def _follow(self, record: JobRecord) -> JobRecord:
        """Let the list follow a row."""
        entry, at = ListEntry.of(record), record.listed
        if at is None:
            await self._list.writer.settle(entry, record.state)
        elif at.state is record.state:
            if not at.sure and record.published_at is not None:
                await self._list.writer.settle(entry, record.state)
            return record
        elif record.state is JobState.RUNNING:
            self._list.writer.note(entry, at.state, record.state)
        else:
            await self._list.writer.move(entry, at.state, record.state)
        return replace(record, listed=InList(record.state, sure=True))

    async def _index(self, record: JobRecord) -> JobRecord:
        """Give a failed job its index entry, and a job that isn't failed none."""
        if record.state is not JobState.FAILED:
            return record.changed(record.updated_at, failure_key=None)
        if record.failure_key is not None:
            return record
        key = failure_key(record.updated_at, record.job_id, record.replay)
        async with storage_errors("Indexing a failed job"):
            await self._failures.upsert_entity(
                {
                    "PartitionKey": record.kind,
                    "RowKey": key,
                    "job_partition": partition_key(record.kind, record.job_id),
                    "job_row": row_key(record.job_id),
                },
                **REPEAT,
            )
        return record.changed(record.updated_at, failure_key=key)

    async def _unindex(self, kind: str, key: str) -> None:
        async with storage_errors("Removing a failed job from the index"):
            try:
                await self._failures.delete_entity(kind, key)
            except ResourceNotFoundError:
                return


def failure_key(failed_at: datetime, job_id: str, replay: int) -> str:
    """Row key that sorts the newest failure first."""
    return f"{_LAST_MS - int(failed_at.timestamp() * 1000):013d}-{row_key(job_id)}-{replay}"


def failures_before(when: datetime) -> str:
    """Below the row keys of all failures before this time."""
    return f"{_LAST_MS - int(when.timestamp() * 1000):013d}~"
