"""Texts in blobs of the app's own storage account, as jobs refer to them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shared.errors import InvalidMessageError
from shared.storage.azure import BlobContainer

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

# Microsoft, "Naming and referencing containers, blobs, and metadata".
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
_LONGEST_NAME = 1_024


class BlobInputReader:
    """Reads UTF-8 texts. Implements InputReader (shared/jobs/reasoning_inputs.py).

    Only blobs of this account and of these containers are read, with the app's own identity: no other host is ever
    asked, whatever a job says.

    Args:
        service: of the account.
        containers: that may be read.
        max_bytes: the largest blob.
    """

    def __init__(self, service: "BlobServiceClient", containers: Sequence[str], max_bytes: int) -> None:
        self._account = urlsplit(service.url.rstrip("/"))
        self._containers = {name: BlobContainer(service, name) for name in containers}
        self._max_bytes = max_bytes

    def check(self, reference: str) -> None:
        """See InputReader."""
        self._parse(reference)

    async def read(self, reference: str) -> str:
        """See InputReader."""
        container, name = self._parse(reference)
        data = await self._containers[container].read(name, max_bytes=self._max_bytes)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidMessageError(
                f"The blob {name} in the container {container} isn't UTF-8 text (byte {error.start})."
            ) from None

    def _parse(self, reference: str) -> tuple[str, str]:
        """Container and name of a blob, given as "container/name" or as its address."""
        path = self._path_in_account(reference) if "://" in reference else reference
        container, _, name = path.partition("/")
        if not _CONTAINER.fullmatch(container) or container not in self._containers:
            raise InvalidMessageError(
                f"Inputs may be in these containers only: {', '.join(self._containers)} (REASONING_CONTAINERS). "
                "Write container/name, or the blob's address."
            )
        segments = name.split("/")
        usable = all(character.isprintable() and character != "\\" for character in name)
        if not usable or len(name) > _LONGEST_NAME or any(segment in ("", ".", "..") for segment in segments):
            raise InvalidMessageError("The blob's name is empty, too long, or has characters or parts that it can't.")
        return container, name

    def _path_in_account(self, address: str) -> str:
        try:
            parts = urlsplit(address)
            same = (parts.scheme, parts.netloc.lower()) == (self._account.scheme, self._account.netloc.lower())
        except ValueError:
            raise InvalidMessageError("The blob's address is not an address.") from None
        prefix = f"{self._account.path}/"
        if not same or not parts.path.startswith(prefix):
            raise InvalidMessageError(
                f"Blobs may be read from this app's own storage account only: {self._account.geturl()}."
            )
        if parts.query or parts.fragment or "?" in address or "#" in address:
            raise InvalidMessageError(
                "The blob's address must end with its name: no query, no SAS. The app reads with its own identity."
            )
        try:
            return unquote(parts.path[len(prefix) :], errors="strict")
        except UnicodeDecodeError:
            raise InvalidMessageError("The blob's address is not an address: its escapes are not UTF-8.") from None
