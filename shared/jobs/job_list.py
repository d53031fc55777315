"""The list of jobs: pages of it by kind, state and app, newest first, and counts. Nothing here scans a table."""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.jobs.list_counts import COUNTS_PREFIX, Counts, total
from shared.jobs.list_entry import (
    LAST_MS,
    LIST_TABLE,
    ListEntry,
    app_prefix,
    milliseconds,
    moment,
    oldest_prefix,
    partitions,
    state_prefix,
)
from shared.jobs.list_writer import ListWriter
from shared.jobs.record import JobRecord, JobState
from shared.storage.azure import REPEAT, storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

_CONCURRENCY = 16
_WHAT = "Reading the list of jobs"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which jobs.

    Attributes:
        apps: None means all, also jobs without an app.
        since: created at this time or later.
        after: position of the last job of the page before.
    """

    kinds: Sequence[str]
    states: Sequence[JobState] = tuple(JobState)
    apps: Sequence[str] | None = None
    since: datetime | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry, where it is in the order, and the state that it stands for."""

    position: str
    entry: ListEntry
    state: JobState

    @property
    def created_at(self) -> datetime:
        """When the job was created."""
        return moment(self.entry.created_ms)


class JobList:
    """Reads the list; `writer` changes it.

    Args:
        now_s: seconds since 1970.
    """

    def __init__(self, service: "TableServiceClient", now_s: Callable[[], float] = time.time) -> None:
        self._service = service
        self._table: TableClient = service.get_table_client(LIST_TABLE)
        self._now_s = now_s
        self.writer = ListWriter(service, now_s)

    async def prepare(self) -> None:
        """Create the table if it is missing."""
        async with storage_errors("Creating the list of jobs"):
            await self._service.create_table_if_not_exists(LIST_TABLE, **REPEAT)

    async def remove(self, records: Iterable[JobRecord]) -> None:
        """Take jobs off the list.

        Raises:
            StorageError: some may still be on it.
        """
        await asyncio.gather(*(self.writer.move(ListEntry.of(record), record.state, None) for record in records))

    async def page(self, query: ListQuery, most: int) -> list[Listed]:
        """Up to so many entries, newest first. What they say of states may be some moments old.

        Raises:
            StorageError
        """
        ranges = [
            (kind, partition, prefix, state)
            for kind in query.kinds
            for partition in partitions(kind)
            for state in query.states
            for prefix in _prefixes(state, query.apps)
        ]
        low = query.after or ""
        # Up to, and with, those that were created then.
        since_ms = max(0, min(milliseconds(query.since), LAST_MS)) if query.since else 0
        high = f"{LAST_MS - since_ms:013d};"
        turns = asyncio.Semaphore(_CONCURRENCY)

        async def read(kind: str, partition: str, prefix: str, state: JobState) -> list[Listed]:
            async with turns:
                rows = await self.between(partition, f"{prefix}{low}", f"{prefix}{high}", most)
            return [Listed(row["RowKey"][len(prefix) :], ListEntry.from_row(kind, row), state) for row in rows]

        found = await asyncio.gather(*(read(*one) for one in ranges))
        return _first(most, found)

    async def counts(self, kind: str) -> Counts:
        """How many jobs of a kind are in each state, and what ended in each minute of the last hour.

        Raises:
            StorageError
        """
        read = (self.between(name, COUNTS_PREFIX, _behind(COUNTS_PREFIX), None) for name in partitions(kind))
        rows = await asyncio.gather(*read)
        return total(Counts.from_row(row) for some in rows for row in some).since(self._now_s())

    async def oldest(self, kind: str, state: JobState) -> datetime | None:
        """When the oldest job of a kind was created that is in this state, which isn't final.

        Raises:
            StorageError
        """
        prefix = oldest_prefix(state)
        read = (self.between(name, prefix, _behind(prefix), 1) for name in partitions(kind))
        rows = [row for some in await asyncio.gather(*read) for row in some]
        return min((moment(ListEntry.from_row(kind, row).created_ms) for row in rows), default=None)

    async def between(self, partition: str, above: str, below: str, most: int | None) -> list[Any]:
        """Rows between two keys, over as many pages as it takes: one may be short, or empty, and not be the last.

        Raises:
            StorageError
        """
        found: list[Any] = []
        async with storage_errors(_WHAT):
            rows = self._table.query_entities(
                "PartitionKey eq @pk and RowKey gt @above and RowKey lt @below",
                parameters={"pk": partition, "above": above, "below": below},
                results_per_page=most,
            )
            async for row in rows:
                found.append(row)
                if len(found) == most:
                    break
        return found


def _prefixes(state: JobState, apps: Sequence[str] | None) -> list[str]:
    return [state_prefix(state)] if apps is None else [app_prefix(app, state) for app in apps]


def _first(most: int, found: Iterable[Sequence[Listed]]) -> list[Listed]:
    """Of sorted lists the first entries, each job once: it may have moved while the lists were read."""
    page: list[Listed] = []
    for listed in heapq.merge(*found, key=lambda one: one.position):
        if not page or page[-1].position != listed.position:
            page.append(listed)
        if len(page) == most:
            break
    return page


def _behind(prefix: str) -> str:
    """Above all keys that begin so."""
    return f"{prefix[:-1]};"
