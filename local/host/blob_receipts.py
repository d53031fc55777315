"""Receipts: what makes several hosts, and one host started again, call a function once for each version of a blob.

A receipt is an empty blob `azure-webjobs-hosts/blobreceipts/{hostId}/{functionId}/{etag}/{container}/{blob}`. Its
metadata has the key Incomplete until the blob is in the queue. (BlobReceiptManager.cs, BlobTriggerExecutor.cs)
"""

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient, BlobServiceClient

from local.host.blob_message import BlobMessage
from local.host.blob_queue import BlobQueue
from local.host.timer_status import HOSTS_CONTAINER, ensure_container

LEASE_S = 30
_INCOMPLETE = "Incomplete"


class BlobReceipts:
    """The receipts of one host.

    Args:
        storage: the host's storage, which needn't be that of the blobs.
    """

    def __init__(self, storage: BlobServiceClient, host_id: str) -> None:
        self._storage = storage
        self._host_id = host_id

    async def enqueue_once(self, queue: BlobQueue, message: BlobMessage) -> bool:
        """Put a blob into the queue unless that was done before.

        Returns:
            Whether it is in the queue now or was before; False if somebody else is about to do it.

        Raises:
            AzureError: storage can't be used.
        """
        path = f"{self._host_id}/{message.function_id}/{message.etag}/{message.container}/{message.name}"
        receipt = self._storage.get_blob_client(HOSTS_CONTAINER, f"blobreceipts/{path}")
        complete = await _is_complete(receipt)
        if complete is None and not await self._create(receipt):
            return False
        if complete:
            return True
        lease = await _lease(receipt)
        if lease is None:
            return False
        try:
            if not await _is_complete(receipt):
                await queue.enqueue(message)
                await receipt.set_blob_metadata({}, lease=lease)
            return True
        finally:
            await _release(lease)

    async def _create(self, receipt: BlobClient) -> bool:
        for attempt in (1, 2):
            try:
                await receipt.upload_blob(b"", metadata={_INCOMPLETE: _INCOMPLETE})
            except ResourceExistsError:
                return False
            except ResourceNotFoundError:
                if attempt == 2:
                    raise
                await ensure_container(self._storage.get_container_client(HOSTS_CONTAINER))
            else:
                return True
        return False


async def _is_complete(receipt: BlobClient) -> bool | None:
    """None if there is no receipt."""
    try:
        properties = await receipt.get_blob_properties()
    except ResourceNotFoundError:
        return None
    return _INCOMPLETE.lower() not in {key.lower() for key in properties.metadata or {}}


async def _lease(receipt: BlobClient) -> BlobLeaseClient | None:
    try:
        return await receipt.acquire_lease(LEASE_S)
    except (ResourceExistsError, ResourceNotFoundError):
        return None  # somebody else has it, or the receipt was deleted


async def _release(lease: BlobLeaseClient) -> None:
    try:
        await lease.release()
    except (ResourceNotFoundError, ResourceExistsError):
        return
    except HttpResponseError as error:
        if error.status_code != 409:
            raise
