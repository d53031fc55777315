"""One attempt to bring a file into a blob container: whole or not at all, and never over something else."""

import asyncio
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobProperties, ContentSettings

from shared.errors import StorageError, UnreadableFileError
from shared.storage.azure import storage_errors

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient, ContainerClient

BLOCK_BYTES = 4 * 1024 * 1024
"""A blob up to this size goes in one request; a larger one in blocks of it."""
GZ = ".gz"
_READ_BYTES = 256 * 1024
_GZIP_WINDOW = 31  # zlib: a header and trailer of gzip, without name and time, so that equal files give equal blobs
_MARK_CHARS = 8


@dataclass(frozen=True, slots=True)
class UploadedBlob:
    """A file that is in storage.

    Attributes:
        name: of the blob.
        sha256: of the file's content.
        size: of the file, in bytes.
        stored: size of the blob.
        known: whether it was there before.
    """

    name: str
    sha256: str
    size: int
    stored: int
    known: bool


class FileContent:
    """A file's content in blocks as they are stored. What is known of the whole is complete after the last block.

    Raises:
        UnreadableFileError: it is gone, or can't be read.
    """

    def __init__(self, path: Path, *, compress: bool) -> None:
        self.size = self.stored = self.lines = 0
        self.ends_with_line = True
        self._path = path
        self._compress = compress
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)  # the checksum that blob storage knows

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    def blocks(self) -> Iterator[bytes]:
        """The blocks, each of BLOCK_BYTES but the last, which may be empty where it is the only one."""
        buffer = bytearray()
        given = False
        try:
            for part in self._parts():
                buffer += part
                while len(buffer) > BLOCK_BYTES:
                    given = True
                    yield self._counted(bytes(buffer[:BLOCK_BYTES]))
                    del buffer[:BLOCK_BYTES]
        except OSError as error:
            raise UnreadableFileError(f"{self._path.name} can't be read: {error.strerror or error}.") from error
        if buffer or not given:
            yield self._counted(bytes(buffer))

    def _parts(self) -> Iterator[bytes]:
        packer = zlib.compressobj(wbits=_GZIP_WINDOW) if self._compress else None
        with self._path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                self._sha256.update(data)
                self.size += len(data)
                self.lines += data.count(b"\n")
                self.ends_with_line = data.endswith(b"\n")
                yield packer.compress(data) if packer else data
        if packer:
            yield packer.flush()

    def _counted(self, block: bytes) -> bytes:
        self._md5.update(block)
        self.stored += len(block)
        return block

    def facts(self) -> dict[str, str]:
        """What the blob's metadata say of the file. A last line without an end counts as a line."""
        torn = {} if self.ends_with_line else {"torn": "1"}
        lines = self.lines + (not self.ends_with_line)
        return {"sha256": self.sha256, "size": str(self.size), "lines": str(lines), **torn}


async def upload_once(container: "ContainerClient", path: Path, name: str) -> UploadedBlob:
    """Upload a file and check by what storage says of it that it has arrived.

    With a name that ends in `.gz` the content is compressed. If there is a blob of this name with the same content, it
    is taken for this file. If its content differs, the file goes under a name with a part of its hash in it.

    Raises:
        UnreadableFileError: the file is gone or can't be read.
        StorageError: it is not known to be stored.
    """
    content = await _put(container, path, name)
    if content is not None:
        return await _verified(container.get_blob_client(name), content, known=False)
    content = await asyncio.to_thread(_hashed, path, name)
    if await _holds(container.get_blob_client(name), content):
        return await _verified(container.get_blob_client(name), content, known=True)
    other = marked(name, content.sha256)
    again = await _put(container, path, other)
    return await _verified(container.get_blob_client(other), again or content, known=again is None)


def size_of(path: Path) -> int:
    """Of a file, in bytes; 0 of one that is gone or can't be looked at."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def marked(name: str, sha256: str) -> str:
    """The name for a second content: `a/b.jsonl.gz` becomes `a/b~1a2b3c4d.jsonl.gz`."""
    folder, slash, file = name.rpartition("/")
    stem, dot, suffix = file.partition(".jsonl")
    if not dot:
        stem, dot, suffix = file.partition(".")
    return f"{folder}{slash}{stem}~{sha256[:_MARK_CHARS]}{dot}{suffix}"


async def _put(container: "ContainerClient", path: Path, name: str, *, again: bool = True) -> FileContent | None:
    """Write the blob, and its container where that is missing. None where there is a blob of this name."""
    content = FileContent(path, compress=_is_compressed(path, name))
    blocks = content.blocks()
    first = await asyncio.to_thread(next, blocks)
    second = await asyncio.to_thread(next, blocks, None)
    blob = container.get_blob_client(name)
    async with storage_errors(f"Uploading {name}"):
        try:
            if second is None:
                settings = _settings(name, content)
                await blob.upload_blob(
                    first, metadata=content.facts(), content_settings=settings, validate_content=True, overwrite=False
                )
            else:
                await _put_blocks(blob, content, [first, second], blocks)
        except ResourceExistsError:
            return None
        except ResourceNotFoundError:
            if not again:
                raise StorageError(f"Uploading {name}: there is no container {container.container_name}.") from None
            await _create(container)
            return await _put(container, path, name, again=False)
    return content


async def _put_blocks(blob: "BlobClient", content: FileContent, begun: list[bytes], rest: Iterator[bytes]) -> None:
    # Ids that no other attempt has: blocks of several could otherwise mix before one of them commits.
    attempt = hashlib.sha256(f"{id(content)} {asyncio.get_running_loop().time()}".encode()).hexdigest()[:16]
    ids: list[BlobBlock] = []
    block: bytes | None = begun[0]
    waiting = begun[1:]
    while block is not None:
        ids.append(BlobBlock(f"{attempt}-{len(ids):06d}"))
        await blob.stage_block(ids[-1].id, block, validate_content=True)
        block = waiting.pop() if waiting else await asyncio.to_thread(next, rest, None)
    await blob.commit_block_list(
        ids,
        metadata=content.facts(),
        content_settings=_settings(blob.blob_name, content),
        match_condition=MatchConditions.IfMissing,
    )


async def _verified(blob: "BlobClient", content: FileContent, *, known: bool) -> UploadedBlob:
    found = await _properties(blob)
    # One that was there may have been compressed by another version of zlib: what counts is what is in it.
    if not _same(found, content) or not (known or found.size == content.stored):
        raise StorageError(f"Uploading {blob.blob_name}: what is stored isn't what was sent.")
    if not known and bytes(found.content_settings.content_md5 or b"") != content.md5:
        raise StorageError(f"Uploading {blob.blob_name}: the checksum of what is stored isn't that of what was sent.")
    return UploadedBlob(blob.blob_name, content.sha256, content.size, found.size, known)


async def _holds(blob: "BlobClient", content: FileContent) -> bool:
    return _same(await _properties(blob), content)


async def _properties(blob: "BlobClient") -> BlobProperties:
    async with storage_errors(f"Checking {blob.blob_name}"):
        try:
            return await blob.get_blob_properties()
        except ResourceNotFoundError:
            raise StorageError(f"Checking {blob.blob_name}: it isn't there.") from None


def _same(found: BlobProperties, content: FileContent) -> bool:
    facts = {name.lower(): value for name, value in (found.metadata or {}).items()}
    if "sha256" in facts:
        return facts["sha256"] == content.sha256
    return bytes(found.content_settings.content_md5 or b"") == content.md5  # somebody else's


def _hashed(path: Path, name: str) -> FileContent:
    content = FileContent(path, compress=_is_compressed(path, name))
    for _ in content.blocks():
        pass
    return content


def _is_compressed(path: Path, name: str) -> bool:
    return name.endswith(GZ) and path.suffix != GZ


def _settings(name: str, content: FileContent) -> ContentSettings:
    kind = "application/gzip" if name.endswith(GZ) else "application/octet-stream"
    return ContentSettings(content_type=kind, content_md5=bytearray(content.md5))


async def _create(container: "ContainerClient") -> None:
    try:
        await container.create_container()
    except ResourceExistsError:
        return
