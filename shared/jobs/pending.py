"""Calls that wait for quota, and what became of those that were let through: one table, a partition a deployment.

A row of a waiting call is named by app, priority and due time, so that the heads of all queues are found without
reading what is behind them. Writing and removing rows is idempotent: their keys follow from the job's record.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableTransactionError, UpdateMode

from shared.jobs.pending_call import PendingCall
from shared.jobs.record import row_key
from shared.messages import Priority
from shared.storage.azure import REPEAT, storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

PENDING_TABLE = "sluicepending"
_TRANSACTION_LIMIT = 100  # operations of one transaction (Table storage)
_PAGE = 1000
_CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class PendingQueue:
    """The head of the queue of one app and priority: those calls that are due, in their order.

    Attributes:
        more: whether others that are due may be behind them.
        next_due_ms: of the first that isn't due yet, where it was seen.
    """

    app: str
    priority: Priority
    calls: Sequence[PendingCall]
    more: bool
    next_due_ms: int | None


class PendingCalls(Protocol):
    """The part of the table that jobs need. All methods raise StorageError when storage fails."""

    async def put(self, deployment: str, calls: Sequence[PendingCall]) -> None:
        """Add calls; one that is there already stays as it is."""
        ...

    async def remove(self, deployment: str, keys: Iterable[str]) -> None:
        """Delete rows, also such as are gone already."""
        ...

    async def remove_job(self, kind: str, job_id: str) -> int:
        """Delete all calls of a job, of any deployment. Returns how many there were."""
        ...


class PendingTable:
    """Implements PendingCalls on Azure Tables."""

    def __init__(self, service: "TableServiceClient") -> None:
        self._service = service
        self._table: TableClient = service.get_table_client(PENDING_TABLE)

    async def prepare(self) -> None:
        """Create the table if it is missing."""
        async with storage_errors("Creating the table of pending calls"):
            await self._service.create_table_if_not_exists(PENDING_TABLE, **REPEAT)

    async def put(self, deployment: str, calls: Sequence[PendingCall]) -> None:
        """See PendingCalls."""
        rows = list({call.key: call.to_row(row_key(deployment)) for call in calls}.values())
        async with storage_errors("Adding pending calls"):
            for start in range(0, len(rows), _TRANSACTION_LIMIT):
                some = rows[start : start + _TRANSACTION_LIMIT]
                if len(some) == 1:
                    await self._table.upsert_entity(some[0], mode=UpdateMode.REPLACE)
                else:
                    options = {"mode": UpdateMode.REPLACE}
                    await self._table.submit_transaction([("upsert", row, options) for row in some], **REPEAT)

    async def heads(self, deployment: str, now: datetime, most: int) -> list[PendingQueue]:
        """The heads of all queues, up to `most` calls of each.

        One query finds the next queue, and its head with it; so this takes one query for each app and priority.
        """
        found: list[PendingQueue] = []
        now_ms = int(now.timestamp() * 1000)
        after = "p:"
        while rows := await self._query(deployment, after, "p;", most):
            prefix = rows[0]["RowKey"][: _prefix_length(rows[0]["RowKey"])]
            mine = [row for row in rows if row["RowKey"].startswith(prefix)]
            calls = [PendingCall.from_row(row) for row in mine]
            due = [call for call in calls if call.due_ms <= now_ms]
            later = calls[len(due)].due_ms if len(due) < len(calls) else None
            more = later is None and len(mine) == len(rows) == most
            found.append(PendingQueue(calls[0].app, calls[0].priority, due, more, later))
            after = f"{prefix[:-1]};"
        return found

    async def get(self, deployment: str, keys: Sequence[str]) -> dict[str, PendingCall]:
        """These calls by key, those left out that are gone."""
        turns = asyncio.Semaphore(_CONCURRENCY)

        async def one(key: str) -> PendingCall | None:
            async with turns, storage_errors("Reading a pending call"):
                try:
                    return PendingCall.from_row(await self._table.get_entity(row_key(deployment), key))
                except ResourceNotFoundError:
                    return None

        found = await asyncio.gather(*(one(key) for key in keys))
        return {call.key: call for call in found if call is not None}

    async def backlog(self, deployment: str, limit: int) -> tuple[int, int]:
        """How many calls wait and how many tokens they need; counting ends at `limit` calls."""
        calls, tokens = 0, 0
        async with storage_errors("Counting pending calls"):
            rows = self._table.query_entities(
                "PartitionKey eq @pk and RowKey ge 'p:' and RowKey lt 'p;'",
                parameters={"pk": row_key(deployment)},
                select=["tokens"],
                results_per_page=_PAGE,
            )
            async for row in rows:
                calls += 1
                tokens += row["tokens"]
                if calls >= limit:
                    break
        return calls, tokens

    async def count(self, deployment: str, limit: int) -> dict[str, int]:
        """How many calls of each app wait; counting ends at `limit` in all."""
        counts: dict[str, int] = {}
        async with storage_errors("Counting pending calls"):
            pages = self._table.query_entities(
                "PartitionKey eq @pk and RowKey ge 'p:' and RowKey lt 'p;'",
                parameters={"pk": row_key(deployment)},
                select=["app"],
                results_per_page=_PAGE,
            )
            async for row in pages:
                counts[row["app"]] = counts.get(row["app"], 0) + 1
                if sum(counts.values()) >= limit:
                    break
        return counts

    async def remove(self, deployment: str, keys: Iterable[str]) -> None:
        """See PendingCalls."""
        wanted = list(keys)
        for start in range(0, len(wanted), _TRANSACTION_LIMIT):
            await self._remove(deployment, wanted[start : start + _TRANSACTION_LIMIT])

    async def remove_job(self, kind: str, job_id: str) -> int:
        """See PendingCalls. Looks at all rows of the table."""
        count = 0
        async with storage_errors("Removing the pending calls of a job"):
            rows = self._table.query_entities(
                "RowKey ge 'p:' and RowKey lt 'p;' and kind eq @kind and job_id eq @id",
                parameters={"kind": kind, "id": job_id},
                select=["PartitionKey", "RowKey"],
            )
            async for row in rows:
                await self._table.delete_entity(row["PartitionKey"], row["RowKey"])
                count += 1
        return count

    async def _remove(self, deployment: str, keys: Sequence[str]) -> None:
        partition = row_key(deployment)
        async with storage_errors("Removing rows of calls"):
            try:
                await self._table.submit_transaction(
                    [("delete", {"PartitionKey": partition, "RowKey": key}) for key in keys], **REPEAT
                )
            except (TableTransactionError, ResourceNotFoundError):
                # One of them is gone, so the transaction did nothing.
                for key in keys:
                    await self._table.delete_entity(partition, key)  # of a missing row it does nothing

    async def _query(self, deployment: str, low: str, high: str, most: int) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        async with storage_errors("Reading rows of calls"):
            rows = self._table.query_entities(
                "PartitionKey eq @pk and RowKey ge @low and RowKey lt @high",
                parameters={"pk": row_key(deployment), "low": low, "high": high},
                results_per_page=min(most, _PAGE),
            )
            # Over as many pages as it takes: one may be short, or empty, and not be the last.
            async for row in rows:
                found.append(row)
                if len(found) == most:
                    break
        return found


def _prefix_length(key: str) -> int:
    """Of `p:{app}:{rank}:`."""
    return key.index(":", key.index(":", 2) + 1) + 1
