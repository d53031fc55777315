"""Blob triggers: by looking (the default) or by being told (source "EventGrid")."""

from collections.abc import Mapping
from typing import Any

from local.host.blob_eventgrid import EventGridBlobListener
from local.host.blob_listener import BlobListener
from local.host.blob_polling import PollingBlobListener
from local.host.blob_queue import shared_queue
from local.host.connections import HOST_STORAGE, blob_client
from local.host.contracts import Function, Invoker


def create_listener(
    function: Function, invoker: Invoker, settings: Mapping[str, str], host_json: Mapping[str, Any], host_id: str
) -> BlobListener:
    """The listener of a function with a blobTrigger. One of source "EventGrid" has `handle` for its webhook.

    Args:
        settings: all app settings.
        host_json: the whole of host.json, overrides applied.
        host_id: under which receipts and queue are kept.

    Raises:
        BindingError: the trigger, its connection or host.json can't be used; the text says what to change.
    """
    queue = shared_queue(invoker, settings, host_json, host_id)
    if str(function.trigger.get("source") or "").lower() == "eventgrid":
        return EventGridBlobListener(function, invoker, settings, queue, host_id)
    return PollingBlobListener(function, invoker, settings, queue, blob_client(settings, HOST_STORAGE), host_id)
