"""What all blob triggers share: a blob out of the queue becomes a call."""

import asyncio
import codecs
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties

from local.host.binding_data import add_json_properties
from local.host.bindings import BindingError
from local.host.blob_message import BlobMessage, function_id, quoted
from local.host.blob_path import BlobPath
from local.host.blob_queue import BlobQueue
from local.host.connections import blob_client, queue_client
from local.host.contracts import Datum, Function, FunctionFailedError, Invocation, Invoker, WorkerLostError

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

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
            download = await blob.download_blob(**condition)
            content = await download.readall()
        except (ResourceNotFoundError, ResourceModifiedError):
            return True
        placeholders = self.path.match(message.container, message.name) or {}
        try:
            await self._invoker.invoke(
                blob_invocation(self.function, blob.url, download.properties, content, placeholders)
            )
        except (FunctionFailedError, WorkerLostError) as error:
            _log.info("%s: %s for blob '%s'", self.function.name, type(error).__name__, message.name)
            return False
        return True


def blob_invocation(
    function: Function, url: str, properties: BlobProperties, content: bytes, placeholders: Mapping[str, str]
) -> Invocation:
    """The call for one blob.

    Without dataType the host reads the blob as text: what isn't UTF-8 arrives with replacement characters, and a byte
    order mark is lost. Audio and archives need data_type=func.DataType.BINARY. (WorkerFunctionInvoker.TransformInput)
    """
    metadata = {
        "BlobTrigger": Datum("string", f"{properties.container}/{properties.name}"),
        "Uri": Datum.json(url),
        "Properties": Datum.json(_properties(properties)),
        "Metadata": Datum.json(properties.metadata or {}),
    }
    known = {name.lower(): name for name in metadata}
    for name, value in placeholders.items():
        metadata[known.get(name.lower(), name)] = Datum("string", value)
    if str(function.trigger.get("dataType") or "").upper() == "BINARY":
        data = Datum("bytes", content)
    else:
        data = Datum("string", _text(content))
        add_json_properties(metadata, data.value)
    return Invocation(function, {function.trigger["name"]: data}, metadata)


def _text(content: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode("utf-8", "replace")


def _properties(properties: BlobProperties) -> dict[str, Any]:
    """The properties of a blob under the names that .NET's BlobProperties has, as far as functions use them."""
    settings = properties.content_settings
    return {
        "LastModified": _date(properties.last_modified),
        "CreatedOn": _date(properties.creation_time),
        "Metadata": properties.metadata or {},
        "ContentLength": properties.size,
        "ContentType": settings.content_type,
        "ContentEncoding": settings.content_encoding,
        "ContentLanguage": settings.content_language,
        "ContentDisposition": settings.content_disposition,
        "CacheControl": settings.cache_control,
        "ETag": quoted(properties.etag or ""),
    }


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
