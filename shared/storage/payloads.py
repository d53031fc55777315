"""Payloads: text that is kept inline where it is small, and as a blob where it isn't (the claim check pattern)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.errors import InvalidMessageError
from shared.storage.azure import FoundBlob

# A string property of a table holds 32K characters (Azure Table storage data model); the rest is room for growth.
INLINE_LIMIT_CHARS = 24_000


@dataclass(frozen=True, slots=True)
class Payload:
    """Where some bytes are: either `inline` or `blob` is set."""

    size: int
    sha256: str
    inline: str | None = None
    blob: str | None = None


class BlobStore(Protocol):
    """What payloads need of blob storage."""

    async def write(self, name: str, data: bytes) -> None: ...

    async def read(self, name: str, *, max_bytes: int | None = None) -> bytes: ...

    async def read_if_there(self, name: str) -> bytes | None: ...

    async def remove(self, name: str) -> bool: ...

    async def find(self, prefix: str, after: str | None = None) -> tuple[list[FoundBlob], str | None]: ...


class PayloadStore:
    """Keeps payloads.

    Args:
        blobs: the app's own container for large payloads.
        claim_checks: the container where producers leave bodies that are too large for a message.
        max_bytes: the largest body that is read.
        others: containers that have folders of jobs, too, for `remove_all`.
    """

    def __init__(
        self, blobs: BlobStore, claim_checks: BlobStore, max_bytes: int, others: Sequence[BlobStore] = ()
    ) -> None:
        self._others = others
        self._blobs = blobs
        self._claim_checks = claim_checks
        self._max_bytes = max_bytes

    async def keep(self, prefix: str, data: bytes) -> Payload:
        """Keep these bytes; those that don't fit inline become a blob.

        Args:
            prefix: of the blob's name. The rest of the name is the content's hash: writing the same twice is
                harmless, and no other content ever takes its place.

        Raises:
            StorageError: the blob could not be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        text = _inline_text(data)
        if text is not None:
            return Payload(len(data), digest, inline=text)
        name = f"{prefix}-{digest[:16]}"
        await self._blobs.write(name, data)
        return Payload(len(data), digest, blob=name)

    async def load(self, payload: Payload) -> bytes:
        """The bytes of a payload.

        Raises:
            StorageError: the blob can't be read, or isn't what was written.
        """
        if payload.inline is not None:
            return payload.inline.encode()
        return await self._blobs.read(payload.blob or "")

    async def claim(self, blob: str, sha256: str | None) -> bytes:
        """The body that a producer left under a claim check.

        Args:
            blob: name in the claim check container.
            sha256: hex digest that the producer gave, if it gave one.

        Raises:
            InvalidMessageError: missing, too large, or not what the digest says.
            StorageError: storage failed.
        """
        data = await self._claim_checks.read(blob, max_bytes=self._max_bytes)
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256.lower():
            raise InvalidMessageError(
                "The blob of the claim check is not the one that was sent: its SHA-256 differs. Send it again.",
                field="claim_check_sha256",
            )
        return data

    async def leave(self, blob: str, data: bytes) -> None:
        """Leave a body under a claim check, for whoever gets the message."""
        await self._claim_checks.write(blob, data)

    async def remove_claim(self, blob: str) -> bool:
        """Delete what was left under a claim check. Returns whether it was there.

        Raises:
            StorageError: it could not be deleted.
        """
        return await self._claim_checks.remove(blob)

    async def remove_all(self, prefix: str) -> int:
        """Delete all that is below this folder, in every container. Returns how many blobs there were.

        Raises:
            StorageError: some may be left.
        """
        count = 0
        for blobs in (self._blobs, self._claim_checks, *self._others):
            after = None
            while True:
                found, after = await blobs.find(f"{prefix}/", after)
                count += sum([await blobs.remove(blob.name) for blob in found])
                if after is None:
                    break
        return count


def _inline_text(data: bytes) -> str | None:
    """The text, where a table can hold it unchanged: short, UTF-8, no control characters but white space."""
    if len(data) > 4 * INLINE_LIMIT_CHARS:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    fits = len(text.encode("utf-16-le")) // 2 <= INLINE_LIMIT_CHARS  # a table counts UTF-16 units
    clean = all(c >= " " or c in "\t\n\r" for c in text) and not any(c in text for c in "\ufffe\uffff")
    return text if fits and clean else None
