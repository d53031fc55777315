"""Keeps what callers have left where all instances see it: a row a caller."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode

from shared.errors import ConflictError
from shared.security.token_bucket import Bucket
from shared.storage.azure import storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

LIMITS_TABLE = "sluicelimits"
_ROW = "rate"


@dataclass(frozen=True, slots=True)
class KeptBucket:
    """As it was read or written last; `etag` is None where there is no row."""

    bucket: Bucket
    etag: str | None


class BucketRows(Protocol):
    """Both methods raise StorageError when storage fails."""

    async def read(self, key: str) -> KeptBucket | None: ...

    async def write(self, key: str, bucket: Bucket, etag: str | None) -> str | None:
        """Write over what was read. Returns the new ETag, or None where somebody else was first: read it again."""
        ...


class TableBucketRows:
    """Implements BucketRows on Azure Tables. The table is made with the first row."""

    def __init__(self, service: "TableServiceClient") -> None:
        self._service = service
        self._table: TableClient = service.get_table_client(LIMITS_TABLE)

    async def read(self, key: str) -> KeptBucket | None:
        """See BucketRows."""
        async with storage_errors("Reading what a caller has left"):
            try:
                row = await self._table.get_entity(key, _ROW)
            except ResourceNotFoundError:
                return None
        return KeptBucket(Bucket(row["left"], row["at_s"]), row.metadata["etag"])

    async def write(self, key: str, bucket: Bucket, etag: str | None) -> str | None:
        """See BucketRows."""
        row = {"PartitionKey": key, "RowKey": _ROW, "left": bucket.left, "at_s": bucket.at_s}
        try:
            async with storage_errors("Noting what a caller has left"):
                try:
                    return await self._write(row, etag)
                except ResourceNotFoundError:
                    # The row was deleted, or there is no table yet.
                    await self._service.create_table_if_not_exists(LIMITS_TABLE)
                    return None
        except (ResourceExistsError, ConflictError):
            return None

    async def _write(self, row: dict[str, Any], etag: str | None) -> str:
        if etag is None:
            meta = await self._table.create_entity(row)
        else:
            meta = await self._table.update_entity(
                row, mode=UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        return str(meta["etag"])
