"""Blob triggers that scan, on a real Azurite, with an invoker that records what a function would get."""

import asyncio
import json
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from local.host.contracts import FunctionFailedError, Invocation
from tests.support.azurite import Azurite, azurite
from tests.support.blob_listeners import blobs, host_id, names, polling, queues, storage
from tests.support.host_listeners import RecordingInvoker, eventually, running, value

__all__ = ["blobs", "host_id", "queues", "storage"]


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
    blob = await container.upload_blob("blob", b"x")
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
        "ETag": (await blob.get_blob_properties()).etag,
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
