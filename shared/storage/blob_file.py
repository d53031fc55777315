"""A blob as a file that is read from anywhere, piece by piece: memory holds one piece of it."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from shared.errors import ConflictError, InvalidMessageError
from shared.storage.azure import storage_errors

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

    from shared.storage.blob_references import BlobReference

PIECE_BYTES = 4 * 1024 * 1024
_PATIENCE_S = 120.0
"""Longer than all tries of one request together."""


class MissingBlobError(InvalidMessageError):
    """There is no such blob, or it can't be read as it is."""

    code = "blob_missing"


class ChangedBlobError(InvalidMessageError):
    """The blob is another than the one that was looked at."""

    code = "blob_changed"


@dataclass(frozen=True, slots=True)
class BlobVersion:
    """What a blob was when it was looked at.

    Attributes:
        size: in bytes.
        md5: of its contents in hexadecimal, where whoever wrote it left one.
    """

    etag: str
    size: int
    md5: str | None = None


class BlobFiles:
    """Opens blobs of one account.

    Args:
        piece_bytes: so much is fetched at once.
    """

    def __init__(self, service: "BlobServiceClient", piece_bytes: int = PIECE_BYTES) -> None:
        self._service = service
        self._piece_bytes = piece_bytes

    async def look(self, blob: "BlobReference") -> BlobVersion:
        """What it is now.

        Raises:
            MissingBlobError, StorageError
        """
        async with _errors(blob):
            found = await self._service.get_blob_client(blob.container, blob.name).get_blob_properties()
        md5 = found.content_settings.content_md5
        return BlobVersion(str(found.etag), int(found.size), bytes(md5).hex() if md5 else None)

    def open(self, blob: "BlobReference", version: BlobVersion) -> BinaryIO:
        """This version of it, to be read in another thread than that of the running event loop, which fetches.

        What reading raises: MissingBlobError, ChangedBlobError, StorageError.
        """
        loop = asyncio.get_running_loop()

        def fetch(offset: int, size: int) -> bytes:
            return asyncio.run_coroutine_threadsafe(self._piece(blob, version, offset, size), loop).result(_PATIENCE_S)

        return io.BufferedReader(_BlobFile(fetch, version.size), self._piece_bytes)

    async def _piece(self, blob: "BlobReference", version: BlobVersion, offset: int, size: int) -> bytes:
        client = self._service.get_blob_client(blob.container, blob.name)
        only: Any = {"etag": version.etag, "match_condition": MatchConditions.IfNotModified}
        async with _errors(blob):
            stream = await client.download_blob(offset, size, **only)
            return bytes(await stream.readall())


class _BlobFile(io.RawIOBase):
    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._size - self._at)
        if size <= 0:
            return 0
        data = self._fetch(self._at, size)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


@asynccontextmanager
async def _errors(blob: "BlobReference") -> AsyncIterator[None]:
    what = f"the blob {blob.container}/{blob.name}"
    try:
        async with storage_errors(f"Reading {what}"):
            try:
                yield
            except ResourceNotFoundError:
                raise MissingBlobError(f"There isn't {what}.", field="blob") from None
            except ResourceExistsError:  # 409: what else there is can't be read as it is
                raise MissingBlobError(
                    f"It can't be read as it is: {what} is archived, for example.", field="blob"
                ) from None
            except HttpResponseError as error:
                if error.status_code != 400:
                    raise
                raise MissingBlobError(f"No blob can be called {blob.name}.", field="blob") from None
    except ConflictError:
        raise ChangedBlobError(
            f"It isn't what it was: somebody has written {what} anew, or deleted it.", field="blob"
        ) from None
