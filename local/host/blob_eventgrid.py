"""The blob trigger with source "EventGrid": it is told of blobs by posts to the host's webhook.

Event Grid posts to `/runtime/webhooks/blobs?functionName=Host.Functions.{name}&code=...`. Every event posted leads to
at least one call: events are neither counted nor ordered nor compared with the blob, and whether the blob fits the
trigger's path is for the event subscription to filter. (HttpRequestProcessor.cs, BlobsExtensionConfigProvider.cs)

Azurite posts no events, and nobody else's could reach this machine: the listener therefore watches its container, too
(blob_events.py), like a subscription that filters by container only.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobClient

from local.host.blob_events import POLL_S, BlobEvents
from local.host.blob_listener import BlobListener
from local.host.blob_message import BlobMessage
from local.host.blob_queue import BlobQueue
from local.host.contracts import Function, Invoker

EVENT_TYPE_HEADER = "aeg-event-type"

_log = logging.getLogger(__name__)


class EventGridBlobListener(BlobListener):
    """Finds blobs by being told.

    Args:
        poll_s: how often its container is looked at for blobs to tell itself of.
    """

    def __init__(
        self,
        function: Function,
        invoker: Invoker,
        settings: Mapping[str, str],
        queue: BlobQueue,
        host_id: str,
        poll_s: float = POLL_S,
    ) -> None:
        super().__init__(function, invoker, settings, queue, check_etag=False)
        self._events = BlobEvents(self.storage, self.path.container, f"{host_id}/{self.id}", self._told, poll_s)

    async def find(self) -> None:
        """See BlobListener."""
        await self._events.run()

    def stop_finding(self) -> None:
        """See BlobListener."""
        self._events.stop()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a post of Event Grid: 200 to a validation, 202 to events, 400 to what isn't one of its posts.

        503 means that storage didn't take the events: Event Grid posts them again.
        """
        kind = request.headers.get(EVENT_TYPE_HEADER, "").lower()
        if kind == "unsubscribe":
            return web.Response(status=202)
        try:
            body = json.loads(await request.read())
            if kind == "subscriptionvalidation":
                return web.json_response({"validationResponse": validation_code(body)})
            if kind != "notification":
                raise ValueError(f"the header {EVENT_TYPE_HEADER} is missing or unknown")
            messages = [blob_message(event, self.id) for event in (body if isinstance(body, list) else [body])]
        except (ValueError, RecursionError) as error:
            return web.Response(status=400, text=f"Not a post of Event Grid: {error}.")
        try:
            for message in messages:
                await self.queue.enqueue(message)
        except AzureError as error:
            _log.error("%s: events can't be queued: %s", self.function.name, type(error).__name__)
            return web.Response(status=503)
        return web.Response(status=202)

    async def _told(self, event: Mapping[str, Any]) -> None:
        await self.queue.enqueue(blob_message(event, self.id))


def validation_code(body: Any) -> str:
    """The code that Event Grid wants to hear back when a subscription is made.

    Raises:
        ValueError: there is none where the Event Grid schema or CloudEvents (data as text) has it.
    """
    try:
        data = body[0]["data"] if isinstance(body, list) else json.loads(body["data"])
        return str(data["validationCode"])
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError("a validation without data.validationCode") from error


def blob_message(event: Any, function_id: str) -> BlobMessage:
    """What goes into the queue for an event, in the Event Grid schema or CloudEvents.

    Raises:
        ValueError: the event has no blob.
    """
    try:
        data = event["data"]
        blob = BlobClient.from_blob_url(str(data["url"]))
        kind = str(data["blobType"]).replace("Blob", "")
        return BlobMessage(function_id, kind, blob.container_name, blob.blob_name, f'"{data["eTag"]}"')
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError("an event without data.url, data.eTag and data.blobType of a blob") from error
