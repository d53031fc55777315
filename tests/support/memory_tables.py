"""A table service in memory with the semantics that the code relies on: ETags, and errors as the SDK raises them.

Every operation awaits `turn` before it takes effect, so that a test can put others in between.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError


class _Row(dict[str, Any]):
    """An entity as the SDK gives it."""

    def __init__(self, values: Mapping[str, Any], etag: str) -> None:
        super().__init__(values)
        self.metadata = {"etag": etag}


class MemoryTables:
    """A TableServiceClient, as far as single rows go."""

    def __init__(self, turn: Callable[[], Awaitable[None]]) -> None:
        self.rows: dict[tuple[str, str, str], _Row] = {}
        self._turn = turn
        self._version = 0

    def get_table_client(self, name: str) -> "MemoryTable":
        return MemoryTable(self, name)

    async def turn(self) -> None:
        await self._turn()

    def write(self, table: str, row: Mapping[str, Any]) -> dict[str, str]:
        self._version += 1
        etag = f'W/"{self._version}"'
        self.rows[table, row["PartitionKey"], row["RowKey"]] = _Row(row, etag)
        return {"etag": etag}


class MemoryTable:
    """A TableClient."""

    def __init__(self, service: MemoryTables, name: str) -> None:
        self._service = service
        self._name = name

    async def get_entity(self, partition: str, row: str) -> _Row:
        await self._service.turn()
        try:
            found = self._service.rows[self._name, partition, row]
        except KeyError:
            raise ResourceNotFoundError("none") from None
        return _Row(found, found.metadata["etag"])

    async def upsert_entity(self, row: Mapping[str, Any], **_: object) -> dict[str, str]:
        await self._service.turn()
        return self._service.write(self._name, row)

    async def create_entity(self, row: Mapping[str, Any], **_: object) -> dict[str, str]:
        await self._service.turn()
        if (self._name, row["PartitionKey"], row["RowKey"]) in self._service.rows:
            raise ResourceExistsError("there")
        return self._service.write(self._name, row)

    async def update_entity(
        self, row: Mapping[str, Any], *, etag: str, match_condition: MatchConditions, **_: object
    ) -> dict[str, str]:
        await self._service.turn()
        assert match_condition is MatchConditions.IfNotModified
        current = self._service.rows.get((self._name, row["PartitionKey"], row["RowKey"]))
        if current is None:
            raise ResourceNotFoundError("none")
        if current.metadata["etag"] != etag:
            raise ResourceModifiedError("another")
        return self._service.write(self._name, row)
