"""What retention looks through: rows of jobs, entries of failures, pending calls, blobs (shared/jobs/retention.py)."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.data.tables import TableTransactionError

from shared.errors import ConflictError
from shared.jobs.job_list import JobList
from shared.jobs.pending import PENDING_TABLE
from shared.jobs.record import JobRecord, JobState, job_id_of
from shared.jobs.retention import Swept, is_due
from shared.jobs.store import FAILURES_TABLE, JOBS_TABLE, JobStore, failures_before
from shared.storage.azure import REPEAT, BlobContainer, FoundBlob, storage_errors
from shared.telemetry.events import log_event

if TYPE_CHECKING:
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient, TableServiceClient

PAGE = 100  # operations of one transaction (Table storage)
UNCLAIMED = timedelta(days=60)
"""How much longer than others a body is kept whose message never came: our queues keep messages for 14 days."""

_BLOB_PAGE = 1000
_CONCURRENCY = 16
# Of a row of a job what the decision needs. The texts would make up most of what is read.
_COLUMNS = [
    *("PartitionKey", "RowKey", "kind", "job_id", "app_id", "state", "priority", "claim_check"),
    *("created_at", "updated_at", "published_at", "body_size", "body_sha256"),
]

logger = logging.getLogger(__name__)


class JobSweep:
    """The rows of one partition of jobs. A claim check that a row names goes before it: no other place knows of it.

    So does its entry in the list of jobs: without the row only a walk through the list finds it (ListSweep).
    """

    what = "jobs"

    def __init__(self, table: "TableClient", claim_checks: BlobContainer, job_list: JobList, partition: str) -> None:
        self.name = f"jobs {partition}"
        self._list = job_list
        self._table = table
        self._claim_checks = claim_checks
        self._partition = partition

    async def page(self, cutoff: datetime, after: str | None) -> Swept:
        """See Sweep."""
        rows = await _rows(
            self._table,
            "PartitionKey eq @pk and RowKey gt @after and updated_at lt @cutoff",
            {"pk": self._partition, "after": after or "", "cutoff": cutoff},
            _COLUMNS,
        )
        due = [row for row in rows if self._is_due(row, cutoff)]
        free = await _those(due, self._unclaim)
        await self._list.remove(_record(row) for row in free)
        return Swept(await _delete(self._table, free), rows[-1]["RowKey"] if rows else None)

    async def _unclaim(self, row: Mapping[str, Any]) -> bool:
        if row.get("claim_check"):
            try:
                await self._claim_checks.remove(row["claim_check"])
            except ConflictError:
                log_event(logger, "claim_check_leased", level=logging.WARNING, job_id=row["job_id"])
                return False
        return True

    def _is_due(self, row: Mapping[str, Any], cutoff: datetime) -> bool:
        try:
            return is_due(_record(row), cutoff)
        except (KeyError, TypeError, ValueError):
            log_event(logger, "row_unreadable", level=logging.ERROR, partition=self._partition, row=row["RowKey"])
            return False


class FailureSweep:
    """Entries among the failures whose job is gone, or isn't failed any more."""

    what = "failures"

    def __init__(self, service: "TableServiceClient", kind: str) -> None:
        self.name = f"failures {kind}"
        self._entries: TableClient = service.get_table_client(FAILURES_TABLE)
        self._jobs: TableClient = service.get_table_client(JOBS_TABLE)
        self._kind = kind

    async def page(self, cutoff: datetime, after: str | None) -> Swept:
        """See Sweep."""
        entries = await _rows(
            self._entries,
            "PartitionKey eq @kind and RowKey gt @after",
            {"kind": self._kind, "after": after or failures_before(cutoff)},
        )
        stale = await _those(entries, self._is_stale)
        return Swept(await _delete(self._entries, stale), entries[-1]["RowKey"] if entries else None)

    async def _is_stale(self, entry: Mapping[str, Any]) -> bool:
        rows = await _rows(
            self._jobs,
            "PartitionKey eq @pk and RowKey eq @rk",
            {"pk": entry["job_partition"], "rk": entry["job_row"]},
            ["state", "failure_key"],
        )
        return not rows or rows[0].get("state") != JobState.FAILED or rows[0].get("failure_key") != entry["RowKey"]


class CallSweep:
    """Pending calls that no job waits for, and reports that nobody will hear: of deployments that aren't used now."""

    name = "calls"
    what = "calls"

    def __init__(self, service: "TableServiceClient", store: JobStore) -> None:
        self._table: TableClient = service.get_table_client(PENDING_TABLE)
        self._store = store

    async def page(self, cutoff: datetime, after: str | None) -> Swept:
        """See Sweep."""
        partition, key = json.loads(after) if after else ("", "")
        rows = await _rows(
            self._table,
            "(PartitionKey gt @pk or (PartitionKey eq @pk and RowKey gt @rk )) and RowKey ge 'p:' and RowKey lt 's' "
            "and Timestamp lt @cutoff",
            {"pk": partition, "rk": key, "cutoff": cutoff},
        )
        stale = await _those(rows, self._is_stale)
        last = json.dumps([rows[-1]["PartitionKey"], rows[-1]["RowKey"]]) if rows else None
        return Swept(await _delete(self._table, stale), last)

    async def _is_stale(self, row: Mapping[str, Any]) -> bool:
        if row["RowKey"].startswith("r:"):
            return True
        if not row["RowKey"].startswith("p:"):
            return False  # what the pump remembers
        record = await self._store.get(row["kind"], row["job_id"])
        if record is None or record.state.final:
            return True
        if row.get("instance") is not None:  # the job runs, and its orchestration waits for this call
            return False
        return record.state is not JobState.PENDING or record.booking != row["booking"]


class BlobSweep:
    """Blobs of jobs of one kind that have no row any more.

    Deleted is only what is still as it was listed: a job of the same id that comes in meanwhile writes its blobs first
    and its row second.

    Args:
        what: the blobs are called in the log.
        keep: how much longer than others such a blob is kept; None for one that isn't ours.
    """

    def __init__(
        self, container: BlobContainer, kind: str, store: JobStore, what: str, keep: Callable[[str], timedelta | None]
    ) -> None:
        self.name = f"{what} {kind}"
        self.what = what
        self._container = container
        self._kind = kind
        self._store = store
        self._keep = keep

    async def page(self, cutoff: datetime, after: str | None) -> Swept:
        """See Sweep."""
        blobs, following = await self._container.find(f"{self._kind}/", after, _BLOB_PAGE)
        old = [blob for blob in blobs if self._is_old(blob, cutoff)]
        by_job: dict[str, list[FoundBlob]] = {}
        for blob in old:
            by_job.setdefault(blob.name.split("/")[1], []).append(blob)
        orphaned = await _those(list(by_job), self._has_no_row)
        gone = await _those([blob for key in orphaned for blob in by_job[key]], self._remove)
        return Swept(len(gone), following)

    def _is_old(self, blob: FoundBlob, cutoff: datetime) -> bool:
        name = blob.name.removeprefix(f"{self._kind}/").partition("/")[2]
        keep = self._keep(name)
        return keep is not None and blob.modified_at < cutoff - keep

    async def _has_no_row(self, key: str) -> bool:
        job_id = job_id_of(key)
        return job_id is not None and await self._store.get(self._kind, job_id) is None

    async def _remove(self, blob: FoundBlob) -> bool:
        try:
            return await self._container.remove(blob.name, blob.etag)
        except ConflictError:
            return False


def keep_payload(name: str) -> timedelta | None:
    """Of the app's own container: all that is below the name of a job."""
    return timedelta(0) if name else None


def keep_claim_check(name: str) -> timedelta | None:
    """Of the claim checks: outcomes that we left, and bodies as `sluice send` names them. A producer may use others."""
    if re.fullmatch(r"outcome-\d+\.json", name):
        return timedelta(0)
    return UNCLAIMED if name == "body.json" else None


def _record(row: Mapping[str, Any]) -> JobRecord:
    # Asked for a column that a row doesn't have, the service says null (Azurite says nothing).
    return JobRecord.from_row({name: value for name, value in row.items() if value is not None}, None)


async def _rows(
    table: "TableClient", query: str, values: dict[str, Any], columns: list[str] | None = None
) -> "list[TableEntity]":
    """The first page that has any rows."""
    async with storage_errors("Looking for what is older than the retention"):
        pages = table.query_entities(query, parameters=values, select=columns, results_per_page=PAGE).by_page()
        async for page in pages:
            if rows := [row async for row in page]:
                return rows
    return []


async def _those[T](items: list[T], holds: Callable[[T], Awaitable[bool]]) -> list[T]:
    """The items for which this holds."""
    turns = asyncio.Semaphore(_CONCURRENCY)

    async def one(item: T) -> bool:
        async with turns:
            return await holds(item)

    answers = await asyncio.gather(*(one(item) for item in items))
    return [item for item, answer in zip(items, answers, strict=True) if answer]


async def _delete(table: "TableClient", rows: "list[TableEntity]") -> int:
    """Delete rows that are still as they were read. Returns how many were."""
    by_partition: dict[str, list[TableEntity]] = {}
    for row in rows:
        by_partition.setdefault(row["PartitionKey"], []).append(row)
    return sum([await _delete_in_partition(table, those) for those in by_partition.values()])


async def _delete_in_partition(table: "TableClient", rows: "list[TableEntity]") -> int:
    only = {"match_condition": MatchConditions.IfNotModified}
    async with storage_errors("Deleting what is older than the retention"):
        try:
            await table.submit_transaction(
                [("delete", _keys(row), {"etag": row.metadata["etag"], **only}) for row in rows], **REPEAT
            )
            return len(rows)
        except TableTransactionError:
            pass  # one of them has changed, so the transaction did nothing
    return sum([await _delete_one(table, row) for row in rows])


async def _delete_one(table: "TableClient", row: "TableEntity") -> bool:
    try:
        async with storage_errors("Deleting what is older than the retention"):
            await table.delete_entity(
                row["PartitionKey"],
                row["RowKey"],
                etag=row.metadata["etag"],
                match_condition=MatchConditions.IfNotModified,
            )
    except ConflictError:
        return False
    return True


def _keys(row: "TableEntity") -> dict[str, str]:
    return {name: row[name] for name in ("PartitionKey", "RowKey")}
