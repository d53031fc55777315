"""Blob listeners of the functions host on an Azurite: fixtures for their tests, which import them."""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from local.host.blob_eventgrid import EventGridBlobListener
from local.host.blob_polling import PollingBlobListener
from local.host.blob_queue import shared_queue
from local.host.connections import blob_client, queue_client
from tests.support.azurite import Azurite, azurite
from tests.support.host_listeners import RecordingInvoker, function, value

HOST_JSON = {"extensions": {"blobs": {"poisonBlobThreshold": 3}}}


@pytest.fixture(scope="module")
def storage() -> Iterator[Azurite]:
    with azurite() as server:
        yield server


@pytest_asyncio.fixture
async def blobs(storage: Azurite) -> AsyncIterator[BlobServiceClient]:
    async with BlobServiceClient.from_connection_string(storage.connection_string) as client:
        yield client


@pytest_asyncio.fixture
async def queues(storage: Azurite) -> AsyncIterator[QueueServiceClient]:
    async with queue_client(settings(storage), "Connection") as client:
        yield client


@pytest.fixture
def host_id(request: pytest.FixtureRequest) -> str:
    """Every test has its own host, so none sees another's receipts and queue."""
    return f"h{zlib.crc32(request.node.name.encode())}"


def settings(storage: Azurite) -> dict[str, str]:
    return {"AzureWebJobsStorage": storage.connection_string, "Connection": storage.connection_string}


def polling(
    storage: Azurite, invoker: RecordingInvoker, host_id: str, name: str = "work", **trigger: Any
) -> PollingBlobListener:
    """A listener that scans every 0.2 s instead of every 10 s."""
    queue = shared_queue(invoker, settings(storage), HOST_JSON, host_id)
    return PollingBlobListener(
        function("blobTrigger", name, **trigger),
        invoker,
        settings(storage),
        queue,
        blob_client(settings(storage), "Connection"),
        host_id,
        scan_interval_s=0.2,
    )


def told(
    storage: Azurite, invoker: RecordingInvoker, host_id: str, name: str = "work", **trigger: Any
) -> EventGridBlobListener:
    """A listener of events that looks for blobs to tell itself of every 0.1 s instead of every second."""
    work = function("blobTrigger", name, source="EventGrid", **trigger)
    queue = shared_queue(invoker, settings(storage), HOST_JSON, host_id)
    return EventGridBlobListener(work, invoker, settings(storage), queue, host_id, poll_s=0.1)


def names(invoker: RecordingInvoker) -> list[str]:
    return [value(call, "BlobTrigger").value for call in invoker.begun]
