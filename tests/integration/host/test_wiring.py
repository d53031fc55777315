"""The host with its listeners, inputs and outputs together: Service Bus, blobs, HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.storage.blob import BlobServiceClient

from tests.support.azurite import Azurite, azurite
from tests.support.host import RunningHost, functions_host, write_app
from tests.support.service_bus import ServiceBusEmulator, configuration, service_bus

APP = """
@app.service_bus_queue_trigger(arg_name="msg", queue_name="%IN_QUEUE%", connection="Bus")
@app.service_bus_queue_output(arg_name="$return", queue_name="out", connection="Bus")
async def relay(msg: func.ServiceBusMessage) -> str:
    text = msg.get_body().decode()
    logging.info("relay %s", text)
    if text == "slow":
        await asyncio.sleep(1)
    if text == "crash" and msg.delivery_count == 1:
        os._exit(1)
    return text.upper()

@app.route(route="blobs/{name}")
@app.blob_input(arg_name="blob", path="inbox/{name}.txt", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="copy", path="outbox/{name}.txt", connection="AzureWebJobsStorage")
@app.blob_input(
    arg_name="raw", path="inbox/{name}.txt", connection="AzureWebJobsStorage", data_type=func.DataType.BINARY
)
def blobs(req: func.HttpRequest, blob: str, raw: bytes, copy: func.Out[str]) -> str:
    if blob is None:
        return "(no blob)"
    copy.set(blob[::-1])
    return repr((blob, raw))

@app.route(route="notes/{id}")
@app.blob_output(arg_name="note", path="outbox/{id}-{author}-{kind}.txt", connection="AzureWebJobsStorage")
def notes(req: func.HttpRequest, note: func.Out[str]) -> str:
    note.set(req.get_json()["text"])
    return ""

@app.blob_trigger(arg_name="blob", path="inbox/{name}", connection="AzureWebJobsStorage", source="EventGrid")
def on_blob(blob: func.InputStream) -> None:
    logging.info("on_blob %s %s", blob.name, blob.read().decode())
"""


@pytest.fixture(scope="module")
def storage() -> Iterator[Azurite]:
    with azurite() as running:
        yield running


@pytest.fixture(scope="module")
def bus() -> Iterator[ServiceBusEmulator]:
    with service_bus(configuration({"in": {"LockDuration": "PT10S"}, "second": {}, "out": {}})) as running:
        yield running


@contextmanager
def running(app: Path, queue: str, storage: Azurite, bus: ServiceBusEmulator) -> Iterator[RunningHost]:
    connections = {"Bus": bus.connection_string, "AzureWebJobsStorage": storage.connection_string}
    with functions_host(write_app(app, APP, settings={"IN_QUEUE": queue, **connections})) as started:
        assert started.functions == ["blobs", "notes", "on_blob", "relay"]
        yield started


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, storage: Azurite, bus: ServiceBusEmulator) -> Iterator[RunningHost]:
    with BlobServiceClient.from_connection_string(storage.connection_string) as client:
        for name in ("inbox", "outbox"):
            client.create_container(name)
    with running(tmp_path_factory.mktemp("wiring"), "in", storage, bus) as started:
        yield started


@pytest.fixture
def blobs(storage: Azurite) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(storage.connection_string) as client:
        yield client


@asynccontextmanager
async def bus_client(bus: ServiceBusEmulator, queue: str) -> AsyncIterator[tuple[Any, ServiceBusReceiver]]:
    async with (
        ServiceBusClient.from_connection_string(bus.connection_string) as client,
        client.get_queue_sender(queue) as sender,
        client.get_queue_receiver("out", receive_mode="receiveanddelete") as receiver,
    ):
        yield sender, receiver


async def received(receiver: ServiceBusReceiver, count: int) -> list[str]:
    texts: list[str] = []
    async with asyncio.timeout(30):
        while len(texts) < count:
            texts += [str(message) for message in await receiver.receive_messages(count, max_wait_time=5)]
    return sorted(texts)


async def test_messages_go_through_a_function_and_survive_its_crash(host: RunningHost, bus: ServiceBusEmulator) -> None:
    async with bus_client(bus, "in") as (sender, receiver):
        await sender.send_messages([ServiceBusMessage(text) for text in ("a", "crash", "b")])
        assert await received(receiver, 3) == ["A", "B", "CRASH"]
    # The worker's own last lines may be lost with it.
    await asyncio.to_thread(host.wait_for_line, "WorkerLostError; message 2 is abandoned after delivery 1")


async def test_a_message_under_way_is_finished_when_the_host_is_stopped(
    tmp_path: Path, storage: Azurite, bus: ServiceBusEmulator
) -> None:
    with running(tmp_path, "second", storage, bus) as host:
        async with bus_client(bus, "second") as (sender, receiver):
            await sender.send_messages(ServiceBusMessage("slow"))
            await asyncio.to_thread(host.wait_for_line, "relay slow")
            assert await asyncio.to_thread(host.process.stop) == 0
            assert await received(receiver, 1) == ["SLOW"]
            assert await receiver.receive_messages(1, max_wait_time=1) == []


async def test_blobs_go_in_and_out_and_trigger(host: RunningHost, blobs: BlobServiceClient) -> None:
    blobs.get_blob_client("inbox", "hello.txt").upload_blob(b"ab\xff", overwrite=True)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{host.url}/api/blobs/hello") as response:
            assert await response.text() == repr(("ab\ufffd", b"ab\xff"))
        async with session.get(f"{host.url}/api/blobs/none") as response:
            assert await response.text() == "(no blob)"
    copy = blobs.get_blob_client("outbox", "hello.txt").download_blob().readall()
    assert copy.decode() == "\ufffdba"
    await asyncio.to_thread(host.wait_for_line, "[Function.on_blob] [INFO] on_blob inbox/hello.txt ab")


async def test_placeholders_come_from_body_query_and_route(host: RunningHost, blobs: BlobServiceClient) -> None:
    body = {"id": "body", "author": "body", "kind": "body", "text": "the note"}
    async with aiohttp.ClientSession() as session:
        url = f"{host.url}/api/notes/route?author=query&ID=query&code=c"
        async with session.post(url, json=body) as response:
            assert response.status == 200
    note = blobs.get_blob_client("outbox", "route-query-body.txt")
    assert note.download_blob().readall() == b"the note"


async def test_posts_of_event_grid_reach_their_function(host: RunningHost) -> None:
    url = f"{host.url}/runtime/webhooks/blobs"
    body = [{"data": {"validationCode": "the-code"}}]
    headers = {"aeg-event-type": "SubscriptionValidation"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{url}?functionName=Host.Functions.on_blob&code=x", json=body) as response:
            assert await response.json() == {"validationResponse": "the-code"}
        for name in ("Host.Functions.relay", "on_blob", ""):
            async with session.post(url, params={"functionName": name}, json=body) as response:
                assert response.status == 404
        async with session.post(f"{host.url}/runtime/webhooks/unknown") as response:
            assert response.status == 404
