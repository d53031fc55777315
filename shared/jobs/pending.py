"""Calls that wait for quota, and what became of those that were let through: one table, a partition a deployment.

A row of a waiting call is named by app, priority and due time, so that the heads of all queues are found without
reading what is behind them. Writing and removing rows is idempotent: their keys follow from the job's record.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableTransactionError, UpdateMode

from shared.jobs.record import JobRecord, message_id, row_key
from shared.messages import OutgoingMessage, Priority, RunTicket
from shared.storage.azure import REPEAT, storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

PENDING_TABLE = "sluicepending"
_RANKS = {Priority.HIGH: "1", Priority.NORMAL: "2", Priority.LOW: "3"}
_PRIORITIES = {rank: priority for priority, rank in _RANKS.items()}
_NO_APP = "="
_TRANSACTION_LIMIT = 100  # operations of one transaction (Table storage)
_PAGE = 1000
_CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class PendingCall:
    """One call of one job that waits for a booking.

    Attributes:
        key: of its row.
        tokens: what the endpoint will charge, as estimated.
        due_ms: not before this time; milliseconds since 1970.
    """

    key: str
    kind: str
    job_id: str
    attempt: int
    booking: int
    app: str
    priority: Priority
    tokens: int
    due_ms: int
    run_id: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, record: JobRecord) -> "PendingCall":
        """The next call of a pending job."""
        due_ms = int((record.not_before or record.created_at).timestamp() * 1000)
        app = record.app_id or ""
        digest = hashlib.sha256(f"{record.kind}\n{record.job_id}".encode()).hexdigest()[:16]
        key = f"p:{_app_key(app)}:{_RANKS[record.priority]}:{due_ms:013d}:{digest}:{record.booking}"
        return cls(
            key,
            record.kind,
            record.job_id,
            record.attempt,
            record.booking,
            app,
            record.priority,
            max(1, record.tokens),
            due_ms,
            record.run_id,
            record.correlation_id,
            record.traceparent,
        )

    def run_message(
        self, start_s: float = 0.0, tolerance_s: float = 0.0, epoch: int = 0, due_s: float | None = None
    ) -> OutgoingMessage:
        """The message that lets the call be made. Its id, `{job}:{attempt}:{booking}`, makes sending it twice harmless.

        Args:
            start_s, tolerance_s, epoch: of the token counter's booking.
            due_s: when it is to be delivered; None for at once.
        """
        ticket = RunTicket(
            kind=self.kind,
            job_id=self.job_id,
            attempt=self.attempt,
            booking=self.booking,
            tokens=self.tokens,
            start_s=start_s,
            tolerance_s=tolerance_s,
            epoch=epoch,
            due_s=due_s or 0.0,
        )
        return OutgoingMessage(
            message_id=message_id(self.job_id, f"{self.attempt}:{self.booking}"),
            body=ticket.encode(),
            correlation_id=self.correlation_id,
            properties={
                "job_id": self.job_id,
                "app_id": self.app or None,
                "run_id": self.run_id,
                "traceparent": self.traceparent,
            },
            not_before=None if due_s is None else datetime.fromtimestamp(due_s, UTC),
        )

    def to_row(self, partition: str) -> dict[str, Any]:
        """As a table entity."""
        columns = ("kind", "job_id", "attempt", "booking", "app", "tokens", "run_id", "correlation_id", "traceparent")
        values = {name: getattr(self, name) for name in columns if getattr(self, name) is not None}
        return {"PartitionKey": partition, "RowKey": self.key, **values}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "PendingCall":
        """Read a table entity."""
        _, _, rank, due_ms, _, _ = row["RowKey"].split(":")
        return cls(
            key=row["RowKey"],
            kind=row["kind"],
            job_id=row["job_id"],
            attempt=row["attempt"],
            booking=row["booking"],
            app=row["app"],
            priority=_PRIORITIES[rank],
            tokens=row["tokens"],
            due_ms=int(due_ms),
            run_id=row.get("run_id"),
            correlation_id=row.get("correlation_id"),
            traceparent=row.get("traceparent"),
        )


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
        async with storage_errors("Adding pending calls"):
            for call in calls:
                await self._table.upsert_entity(call.to_row(row_key(deployment)), mode=UpdateMode.REPLACE)

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
        """Delete rows, also such as are gone already."""
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
        async with storage_errors("Reading rows of calls"):
            pages = self._table.query_entities(
                "PartitionKey eq @pk and RowKey ge @low and RowKey lt @high",
                parameters={"pk": row_key(deployment), "low": low, "high": high},
                results_per_page=min(most, _PAGE),
            ).by_page()
            async for page in pages:
                return [row async for row in page]
        return []


def _app_key(app: str) -> str:
    key = row_key(app) or _NO_APP
    return key if len(key) <= 60 else f"={hashlib.sha256(app.encode()).hexdigest()[:32]}"


def _prefix_length(key: str) -> int:
    """Of `p:{app}:{rank}:`."""
    return key.index(":", key.index(":", 2) + 1) + 1
