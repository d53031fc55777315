"""The jobs of one part of a run: one range of one partition of the job store, written and read as a whole."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from azure.data.tables import TableTransactionError

from shared.errors import ConflictError
from shared.jobs.record import JobRecord, JobState, partition_key, row_key, run_job_id
from shared.jobs.store import JOBS_TABLE
from shared.storage.azure import REPEAT, storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

CONCURRENCY = 16
_TRANSACTION_LIMIT = 100  # operations of one transaction (Table storage)
_TRANSACTION_BYTES = 3_000_000  # it may have 4 MB (Table storage)
_COUNTED = ["RowKey", "state", "error_code", "input_tokens", "output_tokens", "audio_s"]
_PAGE = 1000


class PartJobs:
    """Reads and writes the jobs of parts. All methods raise StorageError when storage fails."""

    def __init__(self, service: "TableServiceClient") -> None:
        self._table: TableClient = service.get_table_client(JOBS_TABLE)

    async def create(self, records: Sequence[JobRecord]) -> bool:
        """Store the jobs of a part, those that aren't stored yet. Returns whether none was."""
        known = False
        for some in _batches([record.to_row() for record in records]):
            async with storage_errors("Storing the jobs of a run"):
                try:
                    await self._table.submit_transaction([("create", row) for row in some], **REPEAT)
                except TableTransactionError as error:
                    if error.status_code != 409:
                        raise
                    # One of them is there, so the transaction did nothing.
                    known = True
                    for row in some:
                        await self._create_one(row)
        return not known

    async def _create_one(self, row: dict[str, Any]) -> None:
        from azure.core.exceptions import ResourceExistsError

        try:
            await self._table.create_entity(row, **REPEAT)
        except ResourceExistsError:
            return

    async def read(self, kind: str, run: str, part: int, states: Sequence[JobState] = ()) -> list[JobRecord]:
        """The jobs of a part, in the order of their rows; of those states alone, if any are given."""
        rows = await self._rows(kind, run, part, states, None)
        return [JobRecord.from_row(row, row.metadata["etag"]) for row in rows]

    async def counted(self, kind: str, run: str, part: int) -> list[Mapping[str, Any]]:
        """What counting needs of the jobs of a part."""
        rows = await self._rows(kind, run, part, (), _COUNTED)
        # Asked for a column that a row doesn't have, the service says null (Azurite says nothing).
        return [{name: row[name] for name in _COUNTED if row.get(name) is not None} for row in rows]

    async def _rows(
        self, kind: str, run: str, part: int, states: Sequence[JobState], columns: list[str] | None
    ) -> list[Any]:
        low, high = (row_key(run_job_id(run, part, row)) for row in (0, 10**9 - 1))
        # The last character of a row number is above "/" and below ":".
        prefix = low[: -len("00000000")]
        query = "PartitionKey eq @pk and RowKey ge @low and RowKey lt @high"
        if states:
            query += f" and ({' or '.join(f'state eq {_quoted(state)}' for state in states)})"
        values = {"pk": partition_key(kind, high), "low": f"{prefix}0", "high": f"{prefix}:"}
        async with storage_errors("Reading the jobs of a run"):
            rows = self._table.query_entities(query, parameters=values, select=columns, results_per_page=_PAGE)
            return [row async for row in rows]


def _quoted(state: JobState) -> str:
    return f"'{state}'"


def _batches(rows: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """As many at a time as a transaction may have."""
    found: list[list[dict[str, Any]]] = []
    size = _TRANSACTION_BYTES
    for row in rows:
        own = sum(2 * len(value) for value in row.values() if isinstance(value, str)) + 2_000
        if size + own > _TRANSACTION_BYTES or len(found[-1]) == _TRANSACTION_LIMIT:
            found.append([])
            size = 0
        found[-1].append(row)
        size += own
    return found


async def each[T](records: Sequence[JobRecord], change: Callable[[JobRecord], Coroutine[Any, Any, T]]) -> list[T]:
    """Change jobs, some at a time. Those that somebody else changes meanwhile are left out: their turn comes again.

    Raises:
        StorageError, MessagingError: of the first that failed.
    """
    turns = asyncio.Semaphore(CONCURRENCY)

    async def one(record: JobRecord) -> T | None:
        async with turns:
            try:
                return await change(record)
            except ConflictError:
                return None

    found = await asyncio.gather(*(one(record) for record in records), return_exceptions=True)
    if failed := next((one for one in found if isinstance(one, BaseException)), None):
        raise failed
    return [one for one in found if one is not None and not isinstance(one, BaseException)]
