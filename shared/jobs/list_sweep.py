"""Retention of the list of jobs: entries whose job is gone, and counts of processes that have ended."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableTransactionError, UpdateMode

from shared.jobs.job_list import JobList
from shared.jobs.list_counts import BASE, COUNTS_PREFIX, Counts, total
from shared.jobs.list_entry import LIST_TABLE, ListEntry, milliseconds, position, state_prefix
from shared.jobs.record import JobState
from shared.jobs.retention import Swept
from shared.jobs.store import JobStore
from shared.storage.azure import REPEAT, storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

_PAGE = 100
_IDLE = timedelta(hours=2)
_FOLDED = 50  # rows of a transaction: it may have 100 operations (Table storage)


class ListSweep:
    """Entries of one partition and state that are older, and whose job is gone or in another state.

    Usually there are none: an entry goes with its job. One is left where a process was stopped in between.
    """

    what = "entries"

    def __init__(self, store: JobStore, job_list: JobList, kind: str, partition: str, state: JobState) -> None:
        self.name = f"list {partition} {state}"
        self._store = store
        self._list = job_list
        self._kind = kind
        self._partition = partition
        self._state = state

    async def page(self, cutoff: datetime, after: str | None) -> Swept:
        """See Sweep."""
        prefix = state_prefix(self._state)
        low = after or f"{prefix}{position(milliseconds(cutoff), '')}"
        rows = await self._list.between(self._partition, low, f"{prefix};", _PAGE)
        mended = 0
        for row in rows:
            entry = ListEntry.from_row(self._kind, row)
            try:
                record = await self._store.get(entry.kind, entry.job_id)
            except (KeyError, TypeError, ValueError):
                continue  # a row that can't be read stays (JobSweep says so), and its entry with it
            if record is None or record.state is not self._state:
                await self._list.writer.settle(entry, record.state if record else None)
                mended += 1
        return Swept(mended, rows[-1]["RowKey"] if len(rows) == _PAGE else None)


class CountsFold:
    """The counts of processes that have said nothing for two hours become one row. Their sum stays the same.

    A process that goes on to count after all finds its row gone, and begins another.
    """

    what = "counts"

    def __init__(self, service: "TableServiceClient", partition: str, now: Callable[[], datetime]) -> None:
        self.name = f"counts {partition}"
        self._now = now
        self._table: TableClient = service.get_table_client(LIST_TABLE)
        self._partition = partition

    async def page(self, cutoff: datetime, after: str | None) -> Swept:  # noqa: ARG002 - there is one page
        """See Sweep."""
        idle = await self._idle(self._now() - _IDLE)
        return Swept(len(idle) if idle and await self._fold(idle) else 0, None)

    async def _idle(self, since: datetime) -> list[Any]:
        found: list[Any] = []
        async with storage_errors("Reading the counts of jobs"):
            rows = self._table.query_entities(
                "PartitionKey eq @pk and RowKey ge @low and RowKey lt @high and Timestamp lt @since",
                parameters={"pk": self._partition, "low": COUNTS_PREFIX, "high": "c;", "since": since},
            )
            async for row in rows:
                if row["RowKey"] != BASE:
                    found.append(row)
                if len(found) == _FOLDED:
                    break
        return found

    async def _fold(self, rows: list[Any]) -> bool:
        """In one transaction. Returns False where one of the rows has changed: the next run tries again."""
        only = {"match_condition": MatchConditions.IfNotModified}
        async with storage_errors("Folding the counts of jobs"):
            try:
                base = await self._table.get_entity(self._partition, BASE)
                counts, options = Counts.from_row(base), {"etag": base.metadata["etag"], **only}
            except ResourceNotFoundError:
                counts, options = Counts(), {}
            summed = total([counts, *(Counts.from_row(row) for row in rows)]).since(self._now().timestamp())
            row = summed.to_row(self._partition, BASE)
            write = ("update", row, {"mode": UpdateMode.REPLACE, **options}) if options else ("create", row)
            keys = ({"PartitionKey": self._partition, "RowKey": row["RowKey"]} for row in rows)
            gone = [
                ("delete", key, {"etag": row.metadata["etag"], **only}) for key, row in zip(keys, rows, strict=True)
            ]
            try:
                await self._table.submit_transaction([*gone, write], **REPEAT)
            except TableTransactionError as error:
                if error.status_code in (404, 409, 412):
                    return False
                raise
        return True
