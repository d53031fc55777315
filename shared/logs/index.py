"""The table `logindex`: what is in each shipped file, and which files of each instance have arrived.

Rows of files: partition `f:{app}:{date}` (the blob's folder), row `{latest time in it}:{file}`, so that a search by
time reads a range of rows. Rows of instances: partition `i:{app}`, row `{instance}`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableTransactionError, UpdateMode

from shared.errors import ConflictError
from shared.logs.index_rows import (
    InstanceFacts,
    arrived_of,
    file_facts,
    file_partition,
    file_row,
    instance_facts,
    instance_partition,
    time_key,
    with_arrival,
)
from shared.logs.verify import LogFacts
from shared.storage.azure import REPEAT, storage_errors

if TYPE_CHECKING:
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient, TableServiceClient

INDEX_TABLE = "logindex"
LONGEST_FILE = timedelta(days=1)
"""No file is written to for longer."""
_CONFLICT_LIMIT = 50
_PAGE = 1000
_TRANSACTION = 100


class LogIndex:
    """Reads and writes the index."""

    def __init__(self, service: "TableServiceClient") -> None:
        self._table: TableClient = service.get_table_client(INDEX_TABLE)

    async def add(self, facts: LogFacts) -> None:
        """Note a file. Doing so again, or in another order, changes nothing.

        Raises:
            StorageError
        """
        async with storage_errors(f"Indexing {facts.blob}"):
            await self._upsert(file_row(facts))
        if facts.instance:
            await self._note_arrival(facts)

    async def announce(self, app: str, instance: str, number: int, now: datetime) -> None:
        """An instance has begun a file: from now on it is missing until it arrives.

        Raises:
            StorageError
        """
        row = {"PartitionKey": instance_partition(app), "RowKey": instance, "begun": number, "begun_at": now}
        async with storage_errors(f"Announcing a log file of {instance}"):
            await self._upsert(row)

    async def note_told(self, facts: InstanceFacts, files: int) -> None:
        """Note that so many missing files of an instance were reported.

        Raises:
            StorageError
        """
        row = {"PartitionKey": instance_partition(facts.app), "RowKey": facts.instance, "told": files}
        async with storage_errors(f"Noting the gaps of {facts.instance}"):
            await self._upsert(row)

    async def instance(self, app: str, instance: str) -> InstanceFacts | None:
        """One instance; None where nothing is known of it.

        Raises:
            StorageError
        """
        async with storage_errors(f"Reading the log index of {instance}"):
            try:
                return instance_facts(await self._table.get_entity(instance_partition(app), instance))
            except ResourceNotFoundError:
                return None

    async def instances(self, app: str | None = None) -> AsyncIterator[InstanceFacts]:
        """All instances, of one app or of all.

        Raises:
            StorageError
        """
        one, every = "PartitionKey eq @pk", "PartitionKey ge 'i:' and PartitionKey lt 'i;'"
        async for row in self._rows(one if app else every, {"pk": instance_partition(app)} if app else {}):
            yield instance_facts(row)

    async def files(self, app: str, since: datetime, until: datetime) -> AsyncIterator[LogFacts]:
        """The files of an app that may have lines from this time to that, by their latest line within each day.

        Raises:
            StorageError
        """
        day = (since - LONGEST_FILE).date()
        last_day = min(until, datetime.now(UTC) + LONGEST_FILE).date()
        while day <= last_day:
            values = {"pk": file_partition(app, f"{day:%Y%m%d}"), "low": time_key(since), "until": until}
            query = "PartitionKey eq @pk and RowKey ge @low and first le @until"
            async for row in self._rows(query, values):
                yield file_facts(row)
            day += timedelta(days=1)

    async def delete_before(self, app: str, date: str, seen_before: datetime) -> int:
        """Forget the files of days before this one, and instances that were not heard of since then.

        Returns:
            How many rows were deleted.

        Raises:
            StorageError
        """
        files = {"low": file_partition(app, ""), "high": file_partition(app, date)}
        deleted = await self._delete(self._rows("PartitionKey ge @low and PartitionKey lt @high", files, keys=True))
        old = {"pk": instance_partition(app), "before": seen_before}
        return deleted + await self._delete(self._rows("PartitionKey eq @pk and Timestamp lt @before", old, keys=True))

    async def _delete(self, rows: "AsyncIterator[TableEntity]") -> int:
        deleted = 0
        batch: list[TableEntity] = []
        async for row in rows:
            if batch and (len(batch) == _TRANSACTION or row["PartitionKey"] != batch[0]["PartitionKey"]):
                deleted += await self._delete_batch(batch)
                batch = []
            batch.append(row)
        return deleted + (await self._delete_batch(batch) if batch else 0)

    async def _delete_batch(self, rows: "list[TableEntity]") -> int:
        async with storage_errors("Deleting old rows of the log index"):
            try:
                await self._table.submit_transaction([("delete", row) for row in rows], **REPEAT)
            except TableTransactionError:  # one of them is gone, so the transaction did nothing
                for row in rows:
                    await self._table.delete_entity(row["PartitionKey"], row["RowKey"])
        return len(rows)

    async def _note_arrival(self, facts: LogFacts) -> None:
        for _ in range(_CONFLICT_LIMIT):
            async with storage_errors(f"Indexing {facts.blob}"):
                try:
                    row: Mapping[str, Any] = await self._table.get_entity(instance_partition(facts.app), facts.instance)
                    etag = row.metadata["etag"]  # type: ignore[attr-defined]
                except ResourceNotFoundError:
                    row, etag = {}, None
            if facts.number in arrived_of(row):
                return
            changed = with_arrival(row, facts)
            try:
                async with storage_errors(f"Indexing {facts.blob}"):
                    if etag is None:
                        await self._table.create_entity(changed)
                    else:
                        only = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
                        await self._table.update_entity(changed, mode=UpdateMode.MERGE, **only)
                return
            except (ConflictError, ResourceExistsError):
                await asyncio.sleep(random.random() * 0.1)  # others index files of this instance at this moment
        raise ConflictError(f"The log index of {facts.instance} keeps changing.")

    async def _upsert(self, row: dict[str, Any]) -> None:
        try:
            await self._table.upsert_entity(row, mode=UpdateMode.MERGE)
        except ResourceNotFoundError:
            await self._create_table()
            await self._table.upsert_entity(row, mode=UpdateMode.MERGE)

    async def _create_table(self) -> None:
        try:
            await self._table.create_table()
        except ResourceExistsError:
            return

    async def _rows(self, query: str, values: dict[str, Any], *, keys: bool = False) -> "AsyncIterator[TableEntity]":
        select = ["PartitionKey", "RowKey"] if keys else None
        async with storage_errors("Reading the log index"):
            try:
                rows = self._table.query_entities(query, parameters=values, results_per_page=_PAGE, select=select)
                async for row in rows:
                    yield row
            except ResourceNotFoundError:
                return  # nothing was ever indexed
