"""What all blob triggers share: a blob out of the queue becomes a call."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient

from local.host.bindings import BindingError
from local.host.blob_invocation import blob_invocation, content_value
from local.host.blob_message import BlobMessage, function_id
from local.host.blob_path import BlobPath
from local.host.blob_queue import BlobQueue
from local.host.connections import HOST_STORAGE, blob_client, queue_client
from local.host.contracts import Datum, Function, FunctionFailedError, Invoker, WorkerLostError
from local.host.deferred import blob_reference, sends_reference

_log = logging.getLogger(__name__)


class BlobListener(ABC):
    """Calls one function with blobs from the host's queue. Subclasses find the blobs.

    Args:
        queue: shared by all blob functions of the host.
        check_etag: whether a blob that has changed since it was found is left alone: it is found again.

    Raises:
        BindingError: the trigger or its connection can't be used.
    """

    def __init__(
        self,
        function: Function,
        invoker: Invoker,
        settings: Mapping[str, str],
        queue: BlobQueue,
        *,
        check_etag: bool,
    ) -> None:
        connection = str(function.trigger.get("connection") or "")
        self.function = function
        self.id = function_id(function.name)
        self.path = BlobPath(str(function.trigger.get("path") or ""))
        self.storage = blob_client(settings, connection)
        self.queue = queue
        self._invoker = invoker
        self._check_etag = check_etag
        self._reference = sends_reference(function)
        self._finding: asyncio.Task[None] | None = None
        try:
            poison = queue_client(settings, connection)
        except BindingError:
            poison = None  # a connection for blobs alone: its poison messages stay with the host's
        queue.register(self.id, self.execute, poison)

    async def start(self) -> None:
        """Begin to find blobs and to call the function."""
        await self.queue.start()
        self._finding = asyncio.create_task(self.find(), name=f"{self.function.name}-blobs")

    @abstractmethod
    async def find(self) -> None:
        """Put blobs into the queue until stop_finding()."""

    @abstractmethod
    def stop_finding(self) -> None:
        """Let find() end."""

    async def stop(self) -> None:
        """Call no more functions. Calls under way go on."""
        self.stop_finding()
        self.queue.stop()

    async def drain(self) -> None:
        """Wait for calls under way and close all connections."""
        try:
            if self._finding is not None:
                await self._finding
            await self.queue.drain()
        finally:
            if self._finding is not None:
                self._finding.cancel()
            await self.storage.close()

    async def execute(self, message: BlobMessage) -> bool:
        """Call the function with a blob. True when the message is done with, also because the blob is gone."""
        blob = self.storage.get_blob_client(message.container, message.name)
        condition: dict[str, Any] = {}
        if self._check_etag:
            condition = {"etag": message.etag, "match_condition": MatchConditions.IfNotModified}
        try:
            properties, value = await self._read(blob, condition)
        except (ResourceNotFoundError, ResourceModifiedError):
            return True
        placeholders = self.path.match(message.container, message.name) or {}
        try:
            await self._invoker.invoke(blob_invocation(self.function, blob.url, properties, value, placeholders))
        except (FunctionFailedError, WorkerLostError) as error:
            _log.info("%s: %s for blob '%s'", self.function.name, type(error).__name__, message.name)
            return False
        return True

    async def _read(self, blob: BlobClient, condition: Mapping[str, Any]) -> tuple[BlobProperties, Datum]:
        if self._reference:
            connection = str(self.function.trigger.get("connection") or HOST_STORAGE)
            properties = await blob.get_blob_properties(**condition)
            return properties, blob_reference(connection, blob.container_name, blob.blob_name)
        download = await blob.download_blob(**condition)
        content = await download.readall()
        return download.properties, content_value(self.function.trigger, content)
