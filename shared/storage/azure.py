"""The border to Azure Storage: clients with this app's identity and retries, and its errors turned into ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from azure.core import MatchConditions
from azure.core import exceptions as azure_errors
from azure.data.tables import UpdateMode

from shared.config import Connection
from shared.errors import ConflictError, InvalidMessageError, StorageError

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient, ContainerClient

# A failing storage is tried for about 15 s (0.5 + 1 + 2 + 4 + 8) before the error reaches Service Bus, which
# redelivers at once and without a pause of its own.
# By itself the Tables SDK repeats neither POST (insert) nor PATCH (merge). Whoever passes this can bear a repetition.
REPEAT: dict[str, Any] = {"retry_on_methods": frozenset({"POST", "PATCH"})}
RETRIES = {"retry_total": 5, "retry_connect": 5, "retry_read": 5, "retry_status": 5}


def _transport() -> dict[str, Any]:
    """Options of the transport: the environment counts only where it names a proxy.

    Otherwise aiohttp asks for a proxy and for .netrc at each request, in a thread of its own each: a quarter of the
    processor time of a small one.
    """
    return {"use_env_settings": bool(getproxies().keys() & {"http", "https", "all"})}


@asynccontextmanager
async def storage_errors(what: str) -> AsyncIterator[None]:
    """Turn the SDK's errors into ours. ResourceExistsError and ResourceNotFoundError pass: callers decide.

    Args:
        what: the operation, for the error text.
    """
    try:
        yield
    except (azure_errors.ResourceExistsError, azure_errors.ResourceNotFoundError):
        raise
    except azure_errors.ResourceModifiedError as error:
        raise ConflictError(f"{what}: somebody else changed it first.") from error
    except azure_errors.ClientAuthenticationError as error:
        raise StorageError(
            f"{what}: the storage account refuses this identity. Check its roles (Storage Blob Data Owner, "
            "Storage Table Data Contributor); a new role takes some minutes."
        ) from error
    except azure_errors.HttpResponseError as error:
        if error.status_code == 412:
            raise ConflictError(f"{what}: somebody else changed it first.") from error
        raise StorageError(
            f"{what}: storage answered {error.status_code}.", retry_after_s=_retry_after_s(error)
        ) from error
    except azure_errors.AzureError as error:
        raise StorageError(f"{what}: storage can't be reached ({type(error).__name__}).") from error


def _retry_after_s(error: azure_errors.HttpResponseError) -> float | None:
    """What the header Retry-After asks for, in seconds."""
    text = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
    return float(text) if text.isascii() and text.isdecimal() else None


async def replace_row(table: "TableClient", row: dict[str, Any], etag: str | None, what: str) -> bool:
    """Write a row over the one that was read.

    Args:
        etag: of what was read; None where there was no row.
        what: for the error text.

    Returns:
        False where somebody else wrote it since: read it again.

    Raises:
        StorageError
    """
    try:
        async with storage_errors(what):
            if etag is None:
                await table.create_entity(row)
            else:
                await table.update_entity(
                    row, mode=UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
                )
    except (azure_errors.ResourceExistsError, ConflictError):
        return False
    return True


def _credential(connection: Connection) -> Any:
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential(managed_identity_client_id=connection.client_id)


def table_service(connection: Connection) -> "TableServiceClient":
    """A client of table storage."""
    from azure.data.tables.aio import TableServiceClient

    options = {**RETRIES, **_transport(), "retry_backoff_factor": 0.5}
    if connection.connection_string:
        return TableServiceClient.from_connection_string(connection.connection_string, **options)
    return TableServiceClient(endpoint=connection.address or "", credential=_credential(connection), **options)


def blob_service(connection: Connection) -> "BlobServiceClient":
    """A client of blob storage."""
    from azure.storage.blob.aio import BlobServiceClient, ExponentialRetry

    policy = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=4, random_jitter_range=1)
    options = {**_transport(), "retry_policy": policy}
    if connection.connection_string:
        return BlobServiceClient.from_connection_string(connection.connection_string, **options)
    return BlobServiceClient(connection.address or "", credential=_credential(connection), **options)


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """A blob in a list."""

    name: str
    modified_at: datetime
    etag: str


class BlobContainer:
    """One container, made on first need. Implements BlobStore.

    Attributes:
        name: of the container.
    """

    def __init__(self, service: "BlobServiceClient", name: str) -> None:
        self._client: ContainerClient = service.get_container_client(name)
        self.name = name

    async def write(self, name: str, data: bytes, content_type: str | None = None) -> None:
        """Write a blob, replacing one of the same name.

        Args:
            content_type: what browsers are told; None means bytes of any kind.

        Raises:
            StorageError: it could not be written.
        """
        from azure.storage.blob import ContentSettings

        options: Any = {"overwrite": True, "content_settings": ContentSettings(content_type=content_type)}
        async with storage_errors(f"Writing the blob {self.name}/{name}"):
            try:
                await self._client.upload_blob(name, data, **options)
            except azure_errors.ResourceNotFoundError:
                await self._create()
                await self._client.upload_blob(name, data, **options)

    async def read(self, name: str, *, max_bytes: int | None = None) -> bytes:
        """Read a blob.

        Raises:
            InvalidMessageError: it doesn't exist, or is larger than max_bytes.
            StorageError: it could not be read.
        """
        async with storage_errors(f"Reading the blob {self.name}/{name}"):
            try:
                stream = await self._client.download_blob(name)
                if max_bytes is not None and stream.size > max_bytes:
                    raise InvalidMessageError(f"The blob {name} has {stream.size} bytes; {max_bytes} are allowed.")
                return bytes(await stream.readall())
            except azure_errors.ResourceNotFoundError:
                raise InvalidMessageError(f"There is no blob {name} in the container {self.name}.") from None

    async def read_if_there(self, name: str) -> bytes | None:
        """Read a blob; None where it doesn't exist.

        Raises:
            StorageError: it could not be read.
        """
        async with storage_errors(f"Reading the blob {self.name}/{name}"):
            try:
                return bytes(await (await self._client.download_blob(name)).readall())
            except azure_errors.ResourceNotFoundError:
                return None

    async def remove(self, name: str, etag: str | None = None) -> bool:
        """Delete a blob with its snapshots.

        Args:
            etag: only if it is still this one.

        Returns:
            Whether it was there, and still that one.

        Raises:
            ConflictError: somebody holds a lease on it.
            StorageError: it could not be deleted.
        """
        only: Any = {} if etag is None else {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        async with storage_errors(f"Deleting the blob {self.name}/{name}"):
            try:
                await self._client.delete_blob(name, delete_snapshots="include", **only)
            except (azure_errors.ResourceNotFoundError, azure_errors.ResourceModifiedError):
                return False
            except azure_errors.HttpResponseError as error:
                if error.status_code == 400:  # no blob can have such a name
                    return False
                raise
        return True

    async def find(self, prefix: str, after: str | None = None, most: int = 1000) -> tuple[list[FoundBlob], str | None]:
        """The blobs whose names begin so, in the order of their names.

        Args:
            after: what the call before returned, to go on.

        Returns:
            Up to `most` of them, and where to go on; None at the end.

        Raises:
            StorageError: they could not be listed.
        """
        async with storage_errors(f"Listing the blobs {self.name}/{prefix}"):
            pages: Any = self._client.list_blobs(name_starts_with=prefix, results_per_page=most).by_page(after)
            try:
                page = await anext(pages)
            except (StopAsyncIteration, azure_errors.ResourceNotFoundError):
                return [], None
            found = [FoundBlob(blob.name, blob.last_modified, blob.etag) async for blob in page]
            return found, pages.continuation_token or None

    async def _create(self) -> None:
        try:
            await self._client.create_container()
        except azure_errors.ResourceExistsError:
            return
