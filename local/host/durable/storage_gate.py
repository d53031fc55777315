"""Whether the storage account that keeps the task hub in the cloud can be used.

Here the hub is a file, but what works only because of that would not work in the cloud: without its storage account
the durable extension neither runs anything nor answers its clients.
"""

import asyncio
import time
from contextlib import suppress

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient

from local.host.outage import Outage

_TIMEOUT_S = 1.5
_FRESH_S = 1.0
_INTERVAL_S = 5.0


class StorageGate:
    """Asks for one container's properties now and then.

    Args:
        storage: the account. The gate closes it.
        hub: name of the task hub; the container is `{hub}-leases`, as in the cloud.
    """

    def __init__(self, storage: BlobServiceClient, hub: str) -> None:
        self._storage = storage
        self._container = storage.get_container_client(f"{hub.lower()}-leases")
        self._outage = Outage(f"task hub {hub}, AzureWebJobsStorage")
        self._asked_s = float("-inf")
        self._works = False
        self._delay_s = 0.0
        self._down = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._loop = asyncio.create_task(self._watch())

    async def works(self) -> bool:
        """Whether it worked within the last second; asks if need be. While it doesn't work the answer is immediate."""
        if time.monotonic() - self._asked_s > _FRESH_S and (self._works or self._asked_s == float("-inf")):
            await self._ask()
        return self._works

    async def close(self) -> None:
        """Stop watching, close the connection."""
        for task in (self._loop, self._asking):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self._storage.close()

    async def _watch(self) -> None:
        while True:
            await self._ask()
            if self._works:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._down.wait(), _INTERVAL_S)
            else:
                await asyncio.sleep(self._delay_s)

    async def _ask(self) -> None:
        # All who ask at a time share one request.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._probe())
        await asyncio.shield(self._asking)

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._touch()
        except (AzureError, OSError, TimeoutError) as error:
            self._works = False
            self._down.set()
            self._delay_s = self._outage.failed(
                OSError(f"no answer within {_TIMEOUT_S:g} s") if isinstance(error, TimeoutError) else error
            )
        else:
            self._works = True
            self._down.clear()
            self._outage.over()
        self._asked_s = time.monotonic()

    async def _touch(self) -> None:
        try:
            await self._container.get_container_properties(retry_total=0)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                await self._container.create_container(retry_total=0)
