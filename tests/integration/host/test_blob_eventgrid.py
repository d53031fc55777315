"""Blob triggers with source "EventGrid", on a real Azurite and through real posts."""

import asyncio
import json
import sys
from typing import Any

import aiohttp
from aiohttp import web
from azure.storage.blob.aio import BlobServiceClient

from local.host.blob_eventgrid import EventGridBlobListener
from local.host.blob_events import blob_created
from local.process import ServerProcess
from tests.support.azurite import Azurite
from tests.support.blob_listeners import blobs, host_id, names, settings, storage, told
from tests.support.host_listeners import RecordingInvoker, eventually, running, value

__all__ = ["blobs", "host_id", "storage"]


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

    def __init__(self, listener: EventGridBlobListener) -> None:
        app = web.Application()
        app.router.add_post("/runtime/webhooks/blobs", listener.handle)
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
