"""Texts in blobs of the app's own storage account, as jobs refer to them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.errors import InvalidMessageError
from shared.storage.azure import BlobContainer
from shared.storage.blob_references import BlobReferences

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient


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
        self._references = BlobReferences(service.url, containers, "REASONING_CONTAINERS")
        self._containers = {name: BlobContainer(service, name) for name in containers}
        self._max_bytes = max_bytes

    def check(self, reference: str) -> None:
        """See InputReader."""
        self._references.find(reference)

    async def read(self, reference: str) -> str:
        """See InputReader."""
        found = self._references.find(reference)
        data = await self._containers[found.container].read(found.name, max_bytes=self._max_bytes)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidMessageError(
                f"The blob {found.name} in the container {found.container} isn't UTF-8 text (byte {error.start})."
            ) from None
