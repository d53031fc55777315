"""Blob triggers on a real Azurite, with an invoker that records what a function would get."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from local.host.blob_eventgrid import EventGridBlobListener
from local.host.blob_events import blob_created
from local.host.blob_listener import BlobListener
from local.host.blob_polling import PollingBlobListener
from local.host.blob_queue import shared_queue
from local.host.blob_trigger import create_listener
from local.host.connections import blob_client, queue_client
from local.host.contracts import FunctionFailedError, Invocation
from local.process import ServerProcess
from tests.support.azurite import Azurite, azurite
from tests.support.host_listeners import RecordingInvoker, eventually, function, running, value

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
    return f"h{abs(hash(request.node.name)) % 10**9}"


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
    listener = create_listener(
        function("blobTrigger", name, source="EventGrid", **trigger), invoker, settings(storage), HOST_JSON, host_id
    )
    assert isinstance(listener, EventGridBlobListener)
    return listener


def names(invoker: RecordingInvoker) -> list[str]:
    return [value(call, "BlobTrigger").value for call in invoker.begun]


async def test_blobs_are_found_by_scanning_each_version_once(
    storage: Azurite, blobs: BlobServiceClient, host_id: str
) -> None:
    container = await blobs.create_container("scan")
    await container.upload_blob("before.txt", b"old", metadata={"kind": "first"})
    await container.upload_blob("other.bin", b"not meant")
    invoker = RecordingInvoker()
    async with running(polling(storage, invoker, host_id, path="scan/{name}.txt")):
        await eventually(lambda: len(invoker.ended) == 1, "the blob that was there")
        await container.upload_blob("sub/after.txt", "neu: ü")
        await eventually(lambda: len(invoker.ended) == 2, "the new blob")
        await container.upload_blob("before.txt", b"new", overwrite=True)
        await eventually(lambda: len(invoker.ended) == 3, "the new version")
    first, second, third = invoker.begun
    assert [call.inputs["arg"].value for call in invoker.begun] == ["old", "neu: ü", "new"]
    assert value(first, "name").value == "before"
    assert value(second, "name").value == "sub/after"
    assert value(second, "BlobTrigger").value == "scan/sub/after.txt"
    assert json.loads(value(first, "Uri").value).endswith("/scan/before.txt")
    assert json.loads(value(first, "Metadata").value) == {"kind": "first"}
    properties = json.loads(value(third, "Properties").value)
    assert properties["ContentLength"] == 3
    assert properties["ContentType"] == "application/octet-stream"

    after_restart = RecordingInvoker()
    async with running(polling(storage, after_restart, host_id, path="scan/{name}.txt")):
        await container.upload_blob("last.txt", b"x")
        await eventually(lambda: after_restart.ended, "the blob after the restart")
    assert names(after_restart) == ["scan/last.txt"]
    receipts = [b.name async for b in blobs.get_container_client("azure-webjobs-hosts").list_blobs("blobreceipts")]
    assert len([receipt for receipt in receipts if host_id in receipt and receipt.endswith("before.txt")]) == 2


async def test_two_hosts_call_once(storage: Azurite, blobs: BlobServiceClient, host_id: str) -> None:
    container = await blobs.create_container("shared")
    invokers = RecordingInvoker(), RecordingInvoker()
    async with (
        running(polling(storage, invokers[0], host_id, path="shared/{name}")),
        running(polling(storage, invokers[1], host_id, path="shared/{name}")),
    ):
        for n in range(20):
            await container.upload_blob(f"{n}", b"x")
        await eventually(lambda: sum(len(invoker.ended) for invoker in invokers) >= 20, "all calls")
        await asyncio.sleep(0.5)  # two more scans
    assert sorted(names(invokers[0]) + names(invokers[1])) == sorted(f"shared/{n}" for n in range(20))


async def test_a_failing_blob_is_tried_again_and_then_becomes_poison(
    storage: Azurite, blobs: BlobServiceClient, queues: QueueServiceClient, host_id: str
) -> None:
    async def fail(invocation: Invocation) -> None:
        raise FunctionFailedError("no")

    container = await blobs.create_container("bad")
    await container.upload_blob("blob", b"x")
    invoker = RecordingInvoker(fail)
    poison = queues.get_queue_client("webjobs-blobtrigger-poison")
    async with running(polling(storage, invoker, host_id, path="bad/{name}")):
        await eventually(lambda: len(invoker.begun) == 3, "three tries")
        message = await _first_message(poison)
    assert json.loads(message) == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.work",
        "BlobType": "Block",
        "ContainerName": "bad",
        "BlobName": "blob",
        "ETag": json.loads(value(invoker.begun[0], "Properties").value)["ETag"],
    }
    assert len(invoker.begun) == 3


async def _first_message(queue: Any) -> str:
    deadline = asyncio.get_running_loop().time() + 10
    while asyncio.get_running_loop().time() < deadline:
        try:
            async for message in queue.receive_messages():
                return str(message.content)
        except ResourceNotFoundError:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("no message")


async def test_functions_of_a_host_share_its_queue(storage: Azurite, blobs: BlobServiceClient, host_id: str) -> None:
    await (await blobs.create_container("one")).upload_blob("a", b"1")
    await (await blobs.create_container("two")).upload_blob("b", b"\xff\x00")
    invoker = RecordingInvoker()
    async with (
        running(polling(storage, invoker, host_id, "first", path="one/{name}")),
        running(polling(storage, invoker, host_id, "second", path="two", dataType="BINARY")),
    ):
        await eventually(lambda: len(invoker.ended) == 2, "both calls")
    calls = {call.function.name: call for call in invoker.begun}
    assert value(calls["first"], "BlobTrigger").value == "one/a"
    assert calls["second"].inputs["arg"].value == b"\xff\x00"


async def test_stop_lets_the_call_end_and_its_message_go(
    storage: Azurite, blobs: BlobServiceClient, queues: QueueServiceClient, host_id: str
) -> None:
    gate = asyncio.Event()

    async def wait(invocation: Invocation) -> None:
        await gate.wait()

    await (await blobs.create_container("drain")).upload_blob("a", b"1")
    invoker = RecordingInvoker(wait)
    listener = polling(storage, invoker, host_id, path="drain/{name}")
    await listener.start()
    await eventually(lambda: invoker.under_way, "the call")
    await listener.stop()
    draining = asyncio.create_task(listener.drain())
    gate.set()
    await draining
    assert len(invoker.ended) == 1
    properties = await queues.get_queue_client(f"azure-webjobs-blobtrigger-{host_id}").get_queue_properties()
    assert properties.approximate_message_count == 0


async def test_an_event_grid_function_hears_of_blobs_by_itself(
    storage: Azurite, blobs: BlobServiceClient, host_id: str
) -> None:
    container = await blobs.create_container("told")
    await container.upload_blob("before.log", b"0")
    invoker = RecordingInvoker()
    async with running(told(storage, invoker, host_id, path="told/{name}.log")):
        await eventually(lambda: len(invoker.ended) == 1, "the blob that was there")
        await container.upload_blob("after.log", b"1")
        await eventually(lambda: len(invoker.ended) == 2, "the new blob")
    assert [value(call, "name").value for call in invoker.begun] == ["before", "after"]

    after_restart = RecordingInvoker()
    async with running(told(storage, after_restart, host_id, path="told/{name}.log")):
        await container.upload_blob("last.log", b"2")
        await eventually(lambda: after_restart.ended, "the blob after the restart")
    assert names(after_restart) == ["told/last.log"]


class Webhook:
    """The host's webhook server, as far as blobs are concerned."""

    def __init__(self, listener: BlobListener) -> None:
        app = web.Application()
        app.router.add_post("/runtime/webhooks/blobs", listener.handle)  # type: ignore[attr-defined]
        self._runner = web.AppRunner(app)
        self.url = ""

    async def __aenter__(self) -> "Webhook":
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/runtime/webhooks/blobs?functionName=Host.Functions.work&code=x"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    async def post(self, body: Any, kind: str | None = "Notification") -> tuple[int, str]:
        headers = {} if kind is None else {"aeg-event-type": kind}
        async with aiohttp.ClientSession() as session, session.post(self.url, json=body, headers=headers) as response:
            return response.status, await response.text()


async def test_event_grid_posts(storage: Azurite, blobs: BlobServiceClient, host_id: str) -> None:
    container = await blobs.create_container("posted")
    elsewhere = await blobs.create_container("elsewhere")
    invoker = RecordingInvoker()
    listener = told(storage, invoker, host_id, path="unwatched/{name}")
    async with running(listener), Webhook(listener) as hook:
        validation = [{"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"}]
        validation[0]["data"] = {"validationCode": "abc"}  # type: ignore[assignment]
        assert await hook.post(validation, "SubscriptionValidation") == (200, '{"validationResponse": "abc"}')
        cloud_event = {"specversion": "1.0", "data": json.dumps({"validationCode": "def"})}
        assert await hook.post(cloud_event, "SubscriptionValidation") == (200, '{"validationResponse": "def"}')
        assert (await hook.post([], "Unsubscribe"))[0] == 202
        for wrong in ({}, [{"data": {}}], [{"data": {"url": "http://x/"}}], "text", 5, None, [None]):
            assert (await hook.post(wrong))[0] == 400
        assert (await hook.post([], None))[0] == 400

        blob = await container.upload_blob("a b/ü.txt", b"hello")
        event = blob_created(await _listed(container, "a b/ü.txt"), blob.url)
        assert (await hook.post([event]))[0] == 202
        assert (await hook.post([event, event]))[0] == 202
        cloud = {"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "data": event["data"]}
        assert (await hook.post(cloud))[0] == 202
        await eventually(lambda: len(invoker.ended) == 4, "a call for every event")
        await container.upload_blob("a b/ü.txt", b"changed", overwrite=True)
        assert (await hook.post([event]))[0] == 202
        await eventually(lambda: len(invoker.ended) == 5, "a call for an event of an older version")
        gone = await elsewhere.upload_blob("gone", b"x")
        gone_event = blob_created(await _listed(elsewhere, "gone"), gone.url)
        await gone.delete_blob()
        assert (await hook.post([gone_event, event]))[0] == 202
        await eventually(lambda: len(invoker.ended) == 6, "no call for a blob that is gone")
    assert set(names(invoker)) == {"posted/a b/ü.txt"}
    assert [call.inputs["arg"].value for call in invoker.begun] == ["hello"] * 4 + ["changed"] * 2
    assert "name" not in invoker.begun[0].metadata  # it doesn't fit the path, which nobody checks


async def _listed(container: Any, name: str) -> Any:
    return await anext(blob async for blob in container.list_blobs() if blob.name == name)


async def test_the_program_posts_events(storage: Azurite, blobs: BlobServiceClient, host_id: str) -> None:
    container = await blobs.create_container("program")
    invoker = RecordingInvoker()
    listener = told(storage, invoker, host_id, path="unwatched/{name}")
    async with running(listener), Webhook(listener) as hook:
        program = ServerProcess(
            "blob_events",
            [sys.executable, "-m", "local.host.blob_events", "--watch", f"program={hook.url}", "--poll-s", "0.1"],
            env=settings(storage),
        )
        try:
            await asyncio.to_thread(program.start)
            await container.upload_blob("x", b"1")
            await eventually(lambda: invoker.ended, "the call")
            assert await asyncio.to_thread(program.stop) == 0
        finally:
            program.kill()
    assert names(invoker) == ["program/x"]


async def test_an_outage_of_storage_is_outlived(host_id: str, caplog: pytest.LogCaptureFixture) -> None:
    with azurite() as server:
        invoker = RecordingInvoker()
        async with running(polling(server, invoker, host_id, path="later/{name}")):
            server.kill()
            await eventually(lambda: caplog.text.count("Trying again") == 2, "a report for container and queue")
            await asyncio.to_thread(server.start)
            async with BlobServiceClient.from_connection_string(server.connection_string) as client:
                await (await client.create_container("later")).upload_blob("x", b"1")
            await eventually(lambda: invoker.ended, "the call")
    assert names(invoker) == ["later/x"]
