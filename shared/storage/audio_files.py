"""Brings the recording of a job onto this machine's disk: piece by piece, never more of it than is allowed."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from shared.audio.errors import AudioTooLargeError, NoDiskSpaceError
from shared.audio.source import AudioSources, BlobSource, WebSource
from shared.audio.workspace import check_space
from shared.errors import PermanentError, TransientError
from shared.storage.azure import storage_errors

if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientResponse
    from azure.storage.blob.aio import BlobClient, BlobServiceClient

_PIECE_BYTES = 4 * 1024 * 1024
_CONNECT_S = 15.0
_SILENCE_S = 60.0


class MissingAudioError(PermanentError):
    """There is no such recording, or it can't be had."""

    code = "audio_missing"


class AudioHostError(TransientError):
    """The host of the recording failed or can't be reached."""

    code = "audio_host"


class AudioFiles:
    """Fetches recordings.

    Args:
        service: of the app's own storage account.
        sources: what may be read.
        max_bytes: largest file.
        timeout_s: longest time for a file from another host.
        connector: how other hosts are reached; None means as usual. Made anew for each file.
    """

    def __init__(
        self,
        service: "BlobServiceClient",
        sources: AudioSources,
        max_bytes: int,
        timeout_s: float = 900.0,
        connector: "Callable[[], BaseConnector] | None" = None,
    ) -> None:
        self._service = service
        self._sources = sources
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._connector = connector

    def check(self, reference: str) -> None:
        """Whether a recording may be read, before anybody asks for it.

        Raises:
            AudioNotAllowedError: see AudioSources.
        """
        self._sources.find(reference)

    async def fetch(self, reference: str, path: Path) -> dict[str, Any]:
        """Write a recording to a file, as it was when the first piece was read.

        Args:
            reference: see AudioSources.
            path: of the file, which is made anew.

        Returns:
            What was read, without secrets: container and name, or the host; size in bytes; etag, where there is one.

        Raises:
            AudioNotAllowedError: the app may not read it.
            MissingAudioError: it isn't there, or whoever has it refuses to give it.
            AudioTooLargeError: it has more than max_bytes. Nothing is read of what says so itself.
            StorageError, AudioHostError: storage or the host fails, or the file was changed while it was read.
            NoDiskSpaceError: it doesn't fit on this machine's disk, now.
        """
        source = self._sources.find(reference)
        with await asyncio.to_thread(path.open, "wb") as file:
            target = _Target(path, file, self._max_bytes)
            etag = await (self._blob(source, target) if isinstance(source, BlobSource) else self._web(source, target))
        return {**source.describe(), "size": target.written, **({"etag": etag} if etag else {})}

    async def _blob(self, source: BlobSource, target: "_Target") -> str | None:
        blob = self._service.get_blob_client(source.container, source.name)
        what = f"the blob {source.container}/{source.name}"
        async with storage_errors(f"Reading {what}"):
            try:
                properties = await blob.get_blob_properties()
                await target.expect(properties.size)
                for offset in range(0, properties.size, _PIECE_BYTES):
                    await target.write(await _piece(blob, offset, properties.size, properties.etag))
            except ResourceNotFoundError:
                raise MissingAudioError(
                    f"There is no blob {source.name} in the container {source.container}.", field="audio"
                ) from None
            except ResourceExistsError:  # 409: what else there is can't be read as it is
                raise MissingAudioError(
                    f"There is {what}, but it can't be read as it is: archived, for example. Bring it back first.",
                    field="audio",
                ) from None
            except HttpResponseError as error:
                if error.status_code != 400:
                    raise
                raise MissingAudioError(f"No blob can have this name in {source.container}.", field="audio") from None
        return str(properties.etag)

    async def _web(self, source: WebSource, target: "_Target") -> str | None:
        import aiohttp
        from yarl import URL

        timeout = aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        async with (
            _host_errors(source.host),
            aiohttp.ClientSession(
                connector=self._connector() if self._connector else None,
                timeout=timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as session,
            session.get(
                URL(source.url, encoded=True), allow_redirects=False, headers={"Accept-Encoding": "identity"}
            ) as response,
        ):
            _check_answer(response, source.host)
            await target.expect(response.content_length or 0)
            async for piece in response.content.iter_chunked(_PIECE_BYTES):
                await target.write(piece)
            return response.headers.get("ETag")


class _Target:
    """The file that is written, and how much may be."""

    def __init__(self, path: Path, file: BinaryIO, max_bytes: int) -> None:
        self._folder = path.parent
        self._file = file
        self._max_bytes = max_bytes
        self.written = 0

    async def expect(self, size: int) -> None:
        """The source says how much comes."""
        self._check(size)
        await asyncio.to_thread(check_space, self._folder, size)

    async def write(self, piece: bytes) -> None:
        self._check(self.written + len(piece))
        try:
            await asyncio.to_thread(self._file.write, piece)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise NoDiskSpaceError from None
        self.written += len(piece)

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise AudioTooLargeError(
                f"The file has more than {self._max_bytes / 1e6:,.1f} MB, which is all that is allowed "
                "(AUDIO_MAX_BYTES). Send it in parts, or coded with fewer bits, such as mp3 or opus.",
                field="audio",
            )


async def _piece(blob: "BlobClient", offset: int, size: int, etag: str) -> bytes:
    """Some bytes of a blob that is still the one that was looked at."""
    stream = await blob.download_blob(
        offset, min(_PIECE_BYTES, size - offset), etag=etag, match_condition=MatchConditions.IfNotModified
    )
    return bytes(await stream.readall())


def _check_answer(response: "ClientResponse", host: str) -> None:
    status = response.status
    if status == 200:
        return
    if status in (408, 425, 429) or status >= 500:
        raise AudioHostError(f"The host {host} answered {status}.")
    reasons = {
        401: "wants a sign-in: send an address that needs none, such as one with a signature",
        403: "refuses it: its signature may have expired",
        404: "has no such file",
        410: "has no such file any more",
    }
    moved = "sends us elsewhere, which isn't followed: send the address that it leads to"
    reason = moved if 300 <= status < 400 else reasons.get(status, "doesn't give it")
    raise MissingAudioError(f"The host {host} {reason} (HTTP {status}).", field="audio")


@asynccontextmanager
async def _host_errors(host: str) -> AsyncIterator[None]:
    """Their texts may quote the address, and with it a signature."""
    import aiohttp

    try:
        yield
    except TimeoutError:
        raise AudioHostError(f"The host {host} did not send the file in time.") from None
    except aiohttp.ClientError as error:
        raise AudioHostError(f"The file can't be read from the host {host} ({type(error).__name__}).") from None
