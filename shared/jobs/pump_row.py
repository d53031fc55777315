"""The pump's own rows: what it remembers, and whether it has to be woken."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode

from shared.jobs.pending import PENDING_TABLE
from shared.jobs.record import row_key
from shared.storage.azure import replace_row, storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

_STATE_ROW = "pump"
_PHASE_ROW = "wake"
STALE_S = 90.0
"""A pump that said nothing for longer is taken for dead: it looks at least every 60 s."""


class Phase(StrEnum):
    """What the pump does, as far as those who bring work need to know."""

    ENDED = "ended"  # start it
    SLEEPING = "sleeping"  # wake it: it waits for calls that are due later
    RUNNING = "running"  # tell it to look again
    TOLD = "told"  # somebody did


class Wake(StrEnum):
    """What to do after a call was lined up."""

    NOTHING = "nothing"
    START = "start"
    EVENT = "event"


class PumpRow:
    """The rows of one deployment's pump. All methods raise StorageError when storage fails."""

    def __init__(self, service: "TableServiceClient", deployment: str) -> None:
        self._table: TableClient = service.get_table_client(PENDING_TABLE)
        self._partition = row_key(deployment)

    async def load(self) -> dict[str, Any] | None:
        """What `save` kept."""
        async with storage_errors("Reading the pump's state"):
            try:
                row = await self._table.get_entity(self._partition, _STATE_ROW)
            except ResourceNotFoundError:
                return None
        state: dict[str, Any] = json.loads(row["state"])
        return state

    async def save(self, state: dict[str, Any]) -> None:
        """Keep the pump's state: under 32,000 characters as JSON (a table string)."""
        async with storage_errors("Keeping the pump's state"):
            text = json.dumps(state, separators=(",", ":"))
            row = {"PartitionKey": self._partition, "RowKey": _STATE_ROW, "state": text}
            await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)

    async def running(self, now_s: float) -> None:
        """Say that the pump looks now. Work that comes from here on is told to it."""
        async with storage_errors("Starting a cycle of the pump"):
            await self._table.upsert_entity(self._phase_row(Phase.RUNNING, now_s), mode=UpdateMode.REPLACE)

    async def rest(self, phase: Phase, now_s: float) -> bool:
        """Let the pump sleep or end. Returns False where work came meanwhile: then it must look again."""
        current, etag, _ = await self._phase()
        return current is Phase.RUNNING and await self._move(phase, now_s, etag)

    async def wake(self, now_s: float) -> Wake:
        """After a call was lined up: what has to be done so that the pump sees it. One caller is told to, not all."""
        while True:
            phase, etag, said_s = await self._phase()
            if phase is Phase.ENDED or now_s - said_s > STALE_S:
                return Wake.START
            if phase is Phase.TOLD:
                return Wake.NOTHING
            if await self._move(Phase.TOLD, said_s, etag):
                return Wake.EVENT if phase is Phase.SLEEPING else Wake.NOTHING

    async def _phase(self) -> tuple[Phase, str | None, float]:
        async with storage_errors("Looking after the pump"):
            try:
                row = await self._table.get_entity(self._partition, _PHASE_ROW)
            except ResourceNotFoundError:
                return Phase.ENDED, None, 0.0
        return Phase(row["phase"]), row.metadata["etag"], row["at_s"]

    async def _move(self, phase: Phase, at_s: float, etag: str | None) -> bool:
        return await replace_row(self._table, self._phase_row(phase, at_s), etag, "Changing the pump's phase")

    def _phase_row(self, phase: Phase, at_s: float) -> dict[str, Any]:
        return {"PartitionKey": self._partition, "RowKey": _PHASE_ROW, "phase": str(phase), "at_s": at_s}
