"""Writes the list of jobs: moves entries from state to state, many of one partition in one transaction.

What gathers while a transaction is under way leaves as the next. Moves of one job that wait together become one.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableTransactionError, UpdateMode

from shared.errors import ConflictError, StorageError
from shared.jobs.list_counts import Counts
from shared.jobs.list_entry import LIST_TABLE, ListEntry
from shared.jobs.record import JobState
from shared.storage.azure import REPEAT, storage_errors
from shared.telemetry.events import log_event

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

LINGER_S = 0.5
"""How long a move may wait for company, where nobody waits for it."""
_BATCH = 16  # moves of a transaction: it may have 100 operations (Table storage), and a move has up to 6
_TRIES = 8
_REFUSED = (404, 409, 412)
_WHAT = "Writing the list of jobs"

logger = logging.getLogger(__name__)

type Operation = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """Of one job's entry. None: there is no entry before, or is to be none after."""

    entry: ListEntry
    frm: JobState | None
    to: JobState | None

    def operations(self) -> list[Operation]:
        """Of a transaction. It fails as a whole where the entry isn't in `frm`, or is in `to` already."""
        partition = self.entry.partition
        gone = self.entry.keys(self.frm) if self.frm else []
        come = self.entry.rows(self.to) if self.to else []
        return [
            *(("delete", {"PartitionKey": partition, "RowKey": key}) for key in gone),
            *(("create", row) for row in come),
        ]


@dataclass(slots=True)
class _Waiting:
    move: Move
    done: list[asyncio.Future[None]] = field(default_factory=list)


class ListWriter:
    """Moves entries.

    Args:
        now_s: seconds since 1970.
        linger_s: see LINGER_S.
    """

    def __init__(
        self, service: "TableServiceClient", now_s: Callable[[], float] = time.time, linger_s: float = LINGER_S
    ) -> None:
        self._table: TableClient = service.get_table_client(LIST_TABLE)
        self._now_s = now_s
        self._linger_s = linger_s
        self._key = f"c:{uuid.uuid4().hex[:16]}"
        self._partitions: dict[str, _Partition] = {}

    async def move(self, entry: ListEntry, frm: JobState | None, to: JobState | None) -> None:
        """Move an entry now.

        Args:
            frm: where it is thought to be. Where it isn't, it is looked for.

        Raises:
            StorageError
        """
        await self._partition(entry).move(Move(entry, frm, to))

    def note(self, entry: ListEntry, frm: JobState | None, to: JobState | None) -> None:
        """Move an entry within the next moment. If that fails it stays where it is, and the next move finds it."""
        self._partition(entry).note(Move(entry, frm, to))

    async def settle(self, entry: ListEntry, state: JobState | None) -> None:
        """See to it that an entry is in this state, and in no other.

        Raises:
            StorageError
        """
        await self._partition(entry).settle(entry, state)

    async def close(self) -> None:
        """Write what was noted."""
        await asyncio.gather(*(partition.close() for partition in self._partitions.values()))

    def _partition(self, entry: ListEntry) -> "_Partition":
        if entry.partition not in self._partitions:
            self._partitions[entry.partition] = _Partition(
                self._table, entry.partition, self._key, self._now_s, self._linger_s
            )
        return self._partitions[entry.partition]


class _Partition:
    """The moves of one partition, one transaction after the other."""

    def __init__(
        self, table: "TableClient", partition: str, key: str, now_s: Callable[[], float], linger_s: float
    ) -> None:
        self._counting = _Counting(table, partition, key)
        self._table = table
        self._name = partition
        self._now_s = now_s
        self._linger_s = linger_s
        self._waiting: dict[str, _Waiting] = {}
        self._turn = asyncio.Lock()
        self._hurry = asyncio.Event()
        self._noted: asyncio.Task[None] | None = None

    async def move(self, move: Move) -> None:
        if (waiting := self._add(move)) is None:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.done.append(done)
        while not done.done():
            async with self._turn:
                if not done.done():
                    await self._write_some()
        done.result()

    def note(self, move: Move) -> None:
        if self._add(move) is not None and (self._noted is None or self._noted.done()):
            self._noted = asyncio.get_running_loop().create_task(self._write_soon())

    async def settle(self, entry: ListEntry, state: JobState | None) -> None:
        async with self._turn:
            await self._find_and_move(entry, state)

    async def close(self) -> None:
        self._hurry.set()
        if self._noted is not None:
            await self._noted

    def _add(self, move: Move) -> _Waiting | None:
        """Let a move wait. None where it takes back what waits, so that nothing is left to do."""
        key = move.entry.digest
        waiting = self._waiting.setdefault(key, _Waiting(move))
        waiting.move = Move(move.entry, waiting.move.frm, move.to)
        if waiting.move.frm is not move.to:
            return waiting
        _settle(self._waiting.pop(key).done, None)
        return None

    async def _write_soon(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                await self._hurry.wait()
        while self._waiting:
            async with self._turn:
                await self._write_some()

    async def _write_some(self) -> None:
        """Write the moves that have waited longest, and tell those who wait for them."""
        batch = [self._waiting.pop(key) for key in list(self._waiting)[:_BATCH]]
        done = [future for waiting in batch for future in waiting.done]
        try:
            await self._write([waiting.move for waiting in batch])
        except asyncio.CancelledError:
            _settle(done, StorageError(f"{_WHAT} was interrupted."))
            raise
        except Exception as error:
            if not done:
                log_event(logger, "list_not_written", level=logging.WARNING, reason=type(error).__name__)
            _settle(done, error)
        else:
            _settle(done, None)

    async def _write(self, moves: Sequence[Move]) -> None:
        if moves and not await self._counting.commit(moves, self._now_s()):
            # One of them isn't where it was thought to be.
            for move in moves:
                await self._find_and_move(move.entry, move.to)

    async def _find_and_move(self, entry: ListEntry, to: JobState | None) -> None:
        for _ in range(_TRIES):
            found = [state for state in JobState if await self._exists(entry, state)]
            wrong = [state for state in found if state is not to]
            if not wrong and (to is None or found):
                return
            step = Move(entry, wrong[0] if wrong else None, None if to in found else to)
            await self._counting.commit([step], self._now_s())
        raise ConflictError(f"{_WHAT}: the entry of the job {entry.job_id} keeps changing.")

    async def _exists(self, entry: ListEntry, state: JobState) -> bool:
        async with storage_errors(_WHAT):
            try:
                await self._table.get_entity(self._name, entry.keys(state)[0], select=["RowKey"])
            except ResourceNotFoundError:
                return False
        return True


class _Counting:
    """This process's counts in one partition, and the transactions that change them together with entries."""

    def __init__(self, table: "TableClient", partition: str, key: str) -> None:
        self._table = table
        self._partition = partition
        self._key = key
        self._counts = Counts()
        self._etag: str | None = None
        self._known = True

    async def commit(self, moves: Sequence[Move], now_s: float) -> bool:
        """Make moves. Returns False where one of them isn't where it was thought to be: nothing was changed.

        Raises:
            StorageError: it isn't known whether anything was changed; trying again finds out.
        """
        if not self._known:
            await self._read()
        counts = self._counts
        for move in moves:
            counts = counts.moved(move.frm, move.to, now_s)
        self._known = False
        async with storage_errors(_WHAT):
            try:
                operations = [operation for move in moves for operation in move.operations()]
                answers = await self._table.submit_transaction([*operations, self._write(counts)], **REPEAT)
            except TableTransactionError as error:
                if error.status_code not in _REFUSED:
                    raise
                return False
        self._counts, self._etag, self._known = counts, str(answers[-1]["etag"]), True
        return True

    def _write(self, counts: Counts) -> Operation:
        row = counts.to_row(self._partition, self._key)
        if self._etag is None:
            return ("create", row)
        options = {"mode": UpdateMode.REPLACE, "etag": self._etag, "match_condition": MatchConditions.IfNotModified}
        return ("update", row, options)

    async def _read(self) -> None:
        """What is stored tells whether a transaction without an answer was done. The row of an idle process goes."""
        async with storage_errors(_WHAT):
            try:
                row = await self._table.get_entity(self._partition, self._key)
            except ResourceNotFoundError:
                self._counts, self._etag = Counts(), None
            else:
                self._counts, self._etag = Counts.from_row(row), str(row.metadata["etag"])
        self._known = True


def _settle(done: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for future in done:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
