"""Blobs of the app's own storage account, as jobs and requests name them. Nothing here reads any."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from shared.errors import InvalidMessageError

# Microsoft, "Naming and referencing containers, blobs, and metadata".
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
_LONGEST_NAME = 1_024


@dataclass(frozen=True, slots=True)
class BlobReference:
    """A blob that may be read."""

    container: str
    name: str


class BlobReferences:
    """Reads references. Only blobs of this account and of these containers may be named.

    Args:
        account_url: of the app's own blob storage.
        containers: that may be read.
        setting: that names them, for the error.
    """

    def __init__(self, account_url: str, containers: Sequence[str], setting: str) -> None:
        self._account = urlsplit(account_url.rstrip("/"))
        self._containers = tuple(containers)
        self._setting = setting

    def find(self, reference: str, field: str | None = None) -> BlobReference:
        """The blob that is named.

        Args:
            reference: "container/name", or the blob's address.
            field: that it comes from, for the error.

        Raises:
            InvalidMessageError: it may not be read, or no blob can have the name.
        """
        path = self._path_in_account(reference, field) if "://" in reference else reference
        container, _, name = path.partition("/")
        if not _CONTAINER.fullmatch(container) or container not in self._containers:
            raise InvalidMessageError(
                f"Blobs may be in these containers only: {', '.join(self._containers)} ({self._setting}). "
                "Write container/name, or the blob's address.",
                field=field,
            )
        segments = name.split("/")
        usable = all(character.isprintable() and character != "\\" for character in name)
        if not usable or len(name) > _LONGEST_NAME or any(segment in ("", ".", "..") for segment in segments):
            raise InvalidMessageError(
                "The blob's name is empty, too long, or has characters or parts that it can't.", field=field
            )
        return BlobReference(container, name)

    def _path_in_account(self, address: str, field: str | None) -> str:
        try:
            parts = urlsplit(address)
            same = (parts.scheme, parts.netloc.lower()) == (self._account.scheme, self._account.netloc.lower())
        except ValueError:
            raise InvalidMessageError("The blob's address is not an address.", field=field) from None
        prefix = f"{self._account.path}/"
        if not same or not parts.path.startswith(prefix):
            raise InvalidMessageError(
                f"Blobs may be read from this app's own storage account only: {self._account.geturl()}.", field=field
            )
        if parts.query or parts.fragment or "?" in address or "#" in address:
            raise InvalidMessageError(
                "The blob's address must end with its name: no query, no SAS. The app reads with its own identity.",
                field=field,
            )
        try:
            return unquote(parts.path[len(prefix) :], errors="strict")
        except UnicodeDecodeError:
            raise InvalidMessageError(
                "The blob's address is not an address: its escapes are not UTF-8.", field=field
            ) from None
