"""Where runs are kept: the table `sluiceruns`."""

import asyncio
import heapq
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableTransactionError, UpdateMode

from shared.errors import ConflictError, PermanentError
from shared.jobs.record import run_of
from shared.runs.rows import HEAD, SPOOL, WISH, Head, Spool, Wish, from_row, to_row
from shared.runs.tally import Tally
from shared.storage.azure import REPEAT, storage_errors

if TYPE_CHECKING:
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient, TableServiceClient

RUNS_TABLE = "sluiceruns"
_LIST = "runs"
_REFUSED = (404, 409, 412)
_TALLY, _MARK = "t~", "o~"


class UnknownRunError(PermanentError):
    """There is no run of this name."""

    code = "unknown_run"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is stored."""

    name: str
    spool: Spool
    wish: Wish
    head: Head


class RunStore:
    """Reads and writes runs. All methods raise StorageError when storage fails."""

    def __init__(self, service: "TableServiceClient") -> None:
        self._service = service
        self._table: TableClient = service.get_table_client(RUNS_TABLE)

    async def prepare(self) -> None:
        """Create the table if it is missing."""
        async with storage_errors("Creating the table of runs"):
            await self._service.create_table_if_not_exists(RUNS_TABLE, **REPEAT)

    async def get(self, run: str) -> Run:
        """One run.

        Raises:
            UnknownRunError
        """
        spool, wish, head = await asyncio.gather(*(self._row(run, key) for key in (SPOOL, WISH, HEAD)))
        if spool is None:
            raise UnknownRunError(f"There is no run {run}. `sluice run list` shows them.")
        return Run(
            run,
            from_row(Spool, spool, spool.metadata["etag"]),
            Wish() if wish is None else from_row(Wish, wish, wish.metadata["etag"]),
            Head() if head is None else from_row(Head, head, head.metadata["etag"]),
        )

    async def names(self, *, active: bool | None = None, after: str | None = None) -> AsyncIterator[str]:
        """All runs by name, or those that have work; those behind `after`."""
        query = "PartitionKey eq @pk and RowKey gt @after" + ("" if active is None else " and active eq @active")
        values = {"pk": _LIST, "after": after or "", "active": bool(active)}
        async with storage_errors("Listing runs"):
            rows = self._table.query_entities(query, parameters=values)
            async for row in rows:
                yield row["RowKey"]

    async def newest(self, most: int) -> Sequence[str]:
        """So many runs: those that have work first, then the others; among each those whose entry changed last.

        The list has no order but that of names, so it is read whole: a row for each run that isn't deleted yet.
        """
        found = []
        async with storage_errors("Listing runs"):
            async for row in self._table.query_entities("PartitionKey eq @pk", parameters={"pk": _LIST}):
                found.append((row["active"], row.metadata["timestamp"], row["RowKey"]))
        return [name for _, _, name in heapq.nlargest(most, found)]

    async def list(self, run: str, *, active: bool) -> None:
        """Enter a run into the list, or say whether it has work."""
        async with storage_errors("Listing a run"):
            await self._table.upsert_entity(
                {"PartitionKey": _LIST, "RowKey": run, "active": active}, mode=UpdateMode.REPLACE
            )

    async def save[T: (Spool, Wish)](self, run: str, value: T) -> T:
        """Write what was read, changed.

        Raises:
            ConflictError: somebody else has changed it.
        """
        key = SPOOL if isinstance(value, Spool) else WISH
        return replace(value, etag=await self._replace(to_row(run, key, value), value.etag))

    async def save_head(
        self,
        run: str,
        head: Head,
        closed: Mapping[int, Tally] | None = None,
        reopened: Mapping[int, Tally] | None = None,
    ) -> Head:
        """Write a head that was read, changed, together with what parts came to.

        Args:
            closed: parts that have ended, whose counts are in `head.done` now.
            reopened: parts that are to be counted again, whose counts aren't in it any more.

        Raises:
            ConflictError: somebody else has changed it.
        """
        row = to_row(run, HEAD, head)
        if not closed and not reopened:
            return replace(head, etag=await self._replace(row, head.etag))
        partition = row["PartitionKey"]
        operations: list[Any] = [
            (
                "update",
                row,
                {"mode": UpdateMode.REPLACE, "etag": head.etag, "match_condition": MatchConditions.IfNotModified},
            )
            if head.etag
            else ("create", row)
        ]
        for part, tally in (closed or {}).items():
            counts = json.dumps(tally.as_json(), separators=(",", ":"))
            operations.append(("create", {"PartitionKey": partition, "RowKey": _key(_TALLY, part), "tally": counts}))
        operations += [("delete", {"PartitionKey": partition, "RowKey": _key(_TALLY, part)}) for part in reopened or {}]
        async with storage_errors("Writing a run"):
            try:
                answers = await self._table.submit_transaction(operations, **REPEAT)
            except TableTransactionError as error:
                if error.status_code in _REFUSED:
                    raise ConflictError("Writing a run: somebody else changed it first.") from error
                raise
        return replace(head, etag=str(answers[0]["etag"]))

    async def tally(self, run: str, part: int) -> Tally | None:
        """What a part came to, if it has ended."""
        async with storage_errors("Reading what a part came to"):
            try:
                row = await self._table.get_entity(f"run~{run}", _key(_TALLY, part))
            except ResourceNotFoundError:
                return None
        return Tally.from_json(json.loads(row["tally"]))

    async def mark(self, job_id: str, now: datetime) -> None:
        """A job that has ended is about to be changed: its part has to be counted again."""
        if (found := run_of(job_id)) is None:
            return
        run, part, _ = found
        async with storage_errors("Marking a part of a run"):
            await self._table.upsert_entity(
                {"PartitionKey": f"run~{run}", "RowKey": _key(_MARK, part), "marked_at": now}, mode=UpdateMode.REPLACE
            )
        await self.list(run, active=True)

    async def marks(self, run: str) -> dict[int, tuple[datetime, str]]:
        """The parts that are marked, with when, and the mark's ETag."""
        found = {}
        async with storage_errors("Reading the marks of a run"):
            rows = self._table.query_entities(
                "PartitionKey eq @pk and RowKey ge 'o~' and RowKey lt 'p'", parameters={"pk": f"run~{run}"}
            )
            async for row in rows:
                found[int(row["RowKey"][2:])] = (row["marked_at"], str(row.metadata["etag"]))
        return found

    async def unmark(self, run: str, part: int, etag: str) -> None:
        """Take a mark away that hasn't been renewed."""
        async with storage_errors("Unmarking a part of a run"):
            try:
                await self._table.delete_entity(
                    f"run~{run}", _key(_MARK, part), etag=etag, match_condition=MatchConditions.IfNotModified
                )
            except (ConflictError, ResourceNotFoundError):
                return

    async def remove(self, run: str) -> None:
        """Delete all rows of a run; that of the list last, so that one that was cut off is found again."""
        async with storage_errors("Deleting a run"):
            rows = self._table.query_entities(
                "PartitionKey eq @pk", parameters={"pk": f"run~{run}"}, select=["PartitionKey", "RowKey"]
            )
            async for row in rows:
                await self._table.delete_entity(row["PartitionKey"], row["RowKey"])
            await self._table.delete_entity(_LIST, run)

    async def _row(self, run: str, key: str) -> "TableEntity | None":
        async with storage_errors("Reading a run"):
            try:
                return await self._table.get_entity(f"run~{run}", key)
            except ResourceNotFoundError:
                return None

    async def _replace(self, row: dict[str, Any], etag: str | None) -> str:
        async with storage_errors("Writing a run"):
            try:
                if etag is None:
                    meta = await self._table.create_entity(row)
                else:
                    only = MatchConditions.IfNotModified
                    meta = await self._table.update_entity(
                        row, mode=UpdateMode.REPLACE, etag=etag, match_condition=only
                    )
            except (ResourceExistsError, ResourceNotFoundError):
                raise ConflictError("Writing a run: somebody else changed it first.") from None
        return str(meta["etag"])


def _key(prefix: str, part: int) -> str:
    return f"{prefix}{part:06d}"
