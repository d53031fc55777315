"""What storage says about a blob, without its content."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from azure.core import exceptions as azure_errors

from shared.storage.azure import storage_errors

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient, BlobServiceClient

_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """One version of a blob.

    Attributes:
        etag: changes with every write, of content or of metadata.
        size: in bytes.
        labels: metadata and index tags, names in lower case; metadata wins.
    """

    container: str
    name: str
    etag: str
    size: int
    labels: Mapping[str, str]


class BlobLookup(Protocol):
    """Looks at blobs of any container."""

    async def facts(self, container: str, name: str) -> BlobFacts | None:
        """What is there now; None where there is no such blob.

        Raises:
            StorageError: storage failed, or refused.
        """
        ...


class AzureBlobLookup:
    """Implements BlobLookup: one request, and a second one for a blob that has index tags."""

    def __init__(self, service: "BlobServiceClient") -> None:
        self._service = service

    async def facts(self, container: str, name: str) -> BlobFacts | None:
        """See BlobLookup."""
        blob = self._service.get_blob_client(container, name)
        async with storage_errors(f"Looking at the blob {container}/{name}"):
            try:
                found = await blob.get_blob_properties()
                tags = await _tags(blob) if found.tag_count else {}
            except azure_errors.ResourceNotFoundError:
                return None
        labels = {key.lower(): value for given in (tags, found.metadata or {}) for key, value in given.items()}
        return BlobFacts(container, name, found.etag.strip('"'), found.size, labels)


async def _tags(blob: "BlobClient") -> Mapping[str, str]:
    """Index tags; none where this identity may not read them (that takes the role Storage Blob Data Owner)."""
    try:
        return await blob.get_blob_tags()
    except azure_errors.HttpResponseError as error:
        if error.status_code == _FORBIDDEN:
            return {}
        raise
