"""The blob trigger that looks for blobs itself: a scan of its container every 10 seconds.

Limits: the real host scans on one instance only and remembers the newest date it has seen; here every host scans, and
the receipts alone decide. It also reads storage logs, which Azurite doesn't write.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobType
from azure.storage.blob.aio import BlobServiceClient

from local.host.blob_listener import BlobListener
from local.host.blob_message import BlobMessage, quoted
from local.host.blob_queue import BlobQueue
from local.host.blob_receipts import BlobReceipts
from local.host.contracts import Function, Invoker
from local.host.outage import Outage

SCAN_INTERVAL_S = 10.0
"""ScanBlobScanLogHybridPollingStrategy.PollingInterval."""


class PollingBlobListener(BlobListener):
    """Finds blobs by listing the container. Blobs that were there before the function are found, too.

    Args:
        host_storage: where the receipts are.
        scan_interval_s: time between scans.
    """

    def __init__(
        self,
        function: Function,
        invoker: Invoker,
        settings: Mapping[str, str],
        queue: BlobQueue,
        host_storage: BlobServiceClient,
        host_id: str,
        scan_interval_s: float = SCAN_INTERVAL_S,
    ) -> None:
        super().__init__(function, invoker, settings, queue, check_etag=True)
        self._host_storage = host_storage
        self._receipts = BlobReceipts(host_storage, host_id)
        self._interval_s = scan_interval_s
        self._stopping = asyncio.Event()
        self._seen: dict[str, str] = {}
        self._outage = Outage(f"function {function.name}, blob container '{self.path.container}'")

    def stop_finding(self) -> None:
        """See BlobListener."""
        self._stopping.set()

    async def drain(self) -> None:
        """See BlobListener."""
        try:
            await super().drain()
        finally:
            await self._host_storage.close()

    async def find(self) -> None:
        """See BlobListener."""
        while not self._stopping.is_set():
            pause_s = self._interval_s
            try:
                began = time.monotonic()
                await self._scan()
                self._outage.over()
                pause_s -= time.monotonic() - began
            except Exception as error:
                pause_s = max(self._outage.failed(error), pause_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), max(pause_s, 0.0))

    async def _scan(self) -> None:
        found: dict[str, str] = {}
        container = self.storage.get_container_client(self.path.container)
        with contextlib.suppress(ResourceNotFoundError):  # a container that isn't there has no blobs yet
            async for blob in container.list_blobs():
                etag = quoted(blob.etag or "")
                if self._stopping.is_set():
                    return
                if self._seen.get(blob.name) == etag or await self._enqueue(blob, etag):
                    found[blob.name] = etag
        self._seen = found

    async def _enqueue(self, blob: BlobProperties, etag: str) -> bool:
        if self.path.match(self.path.container, blob.name) is None:
            return True
        kind = BlobType(blob.blob_type).value.removesuffix("Blob")
        message = BlobMessage(self.id, kind, self.path.container, blob.name, etag)
        return await self._receipts.enqueue_once(self.queue, message)
