"""Events of blobs created, where no Event Grid is: a watcher that tells of every blob in a container it hasn't seen.

Every version of a blob is told of at least once; after a restart, or by several watchers at a time, again. What was
told is kept as the date of the newest blob told of (and the blobs of that second) in
`azure-webjobs-hosts/blobevents/{watcher}/{container}.json`. Versions that are replaced between two looks are missed,
which Event Grid would tell of.

As a program it posts to webhooks, for hosts that don't watch by themselves such as `func start`:
`python -m local.host.blob_events --watch CONTAINER=URL`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobType
from azure.storage.blob.aio import BlobServiceClient

from local.end_signals import end_signals
from local.host.connections import HOST_STORAGE, blob_client
from local.host.outage import Outage
from local.host.timer_status import HOSTS_CONTAINER, ensure_container
from local.process import announce_ready

POLL_S = 1.0
_LISTING_SHARE = 20
"""A container that takes long to list is listed less often: a twentieth of the time."""
_SAVE_EVERY = 100
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

Event = dict[str, Any]
Deliver = Callable[[Event], Awaitable[None]]
"""Takes an event in the Event Grid schema. Raises AzureError or OSError to be told again later."""


class BlobEvents:
    """Watches one container.

    Args:
        watcher: under what name to keep what was told.
        deliver: who is told.
        poll_s: time between looks.
    """

    def __init__(
        self, storage: BlobServiceClient, container: str, watcher: str, deliver: Deliver, poll_s: float = POLL_S
    ) -> None:
        self._storage = storage
        self._container = container
        self._state = storage.get_blob_client(HOSTS_CONTAINER, f"blobevents/{watcher}/{container}.json")
        self._state_etag: str | None = None
        self._deliver = deliver
        self._poll_s = poll_s
        self._stopping = asyncio.Event()
        self._since = _NEVER
        self._told: dict[str, str] = {}
        self._outage = Outage(f"events of blob container '{container}'")

    def stop(self) -> None:
        """Tell of no more blobs."""
        self._stopping.set()

    async def run(self) -> None:
        """Watch until stopped."""
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                await self._look()
                self._outage.over()
                pause_s = max(self._poll_s, (time.monotonic() - began) * _LISTING_SHARE)
            except Exception as error:
                pause_s = self._outage.failed(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _look(self) -> None:
        blobs = await self._list()
        if not any(self._is_new(blob) for blob in blobs):
            return
        await self._load()
        count = 0
        try:
            for blob in sorted(filter(self._is_new, blobs), key=lambda blob: blob.last_modified):
                if self._stopping.is_set():
                    return
                client = self._storage.get_blob_client(self._container, blob.name)
                await self._deliver(blob_created(blob, client.url))
                self._note(blob)
                count += 1
                if count % _SAVE_EVERY == 0:
                    await self._save()
        finally:
            if count % _SAVE_EVERY:
                await self._save()

    async def _list(self) -> list[BlobProperties]:
        try:
            return [blob async for blob in self._storage.get_container_client(self._container).list_blobs()]
        except ResourceNotFoundError:
            return []

    def _is_new(self, blob: BlobProperties) -> bool:
        if blob.last_modified != self._since:
            return bool(blob.last_modified > self._since)
        return self._told.get(blob.name) != blob.etag

    def _note(self, blob: BlobProperties) -> None:
        if blob.last_modified != self._since:
            self._since, self._told = blob.last_modified, {}
        self._told[blob.name] = blob.etag

    async def _load(self) -> None:
        try:
            download = await self._state.download_blob()
            content = json.loads(await download.readall())
        except ResourceNotFoundError:
            return
        since = datetime.fromisoformat(content["since"])
        if since == self._since:
            self._told |= content["told"]
        elif since > self._since:
            self._since, self._told = since, content["told"]
        self._state_etag = download.properties.etag

    async def _save(self) -> None:
        content = json.dumps({"since": self._since.isoformat(), "told": self._told})
        condition: dict[str, Any] = {"overwrite": False}
        if self._state_etag:
            condition = {"overwrite": True, "etag": self._state_etag, "match_condition": MatchConditions.IfNotModified}
        try:
            result = await self._state.upload_blob(content, **condition)
        except (ResourceModifiedError, ResourceExistsError):
            return  # another watcher has told, too; what it saved is read before the next event
        except ResourceNotFoundError:
            await ensure_container(self._storage.get_container_client(HOSTS_CONTAINER))
            result = await self._state.upload_blob(content, overwrite=True)
        self._state_etag = result["etag"]


def blob_created(blob: BlobProperties, url: str) -> Event:
    """The event Microsoft.Storage.BlobCreated of a blob, in the Event Grid schema."""
    identifier = str(uuid.uuid4())
    return {
        "topic": "/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/local",
        "subject": f"/blobServices/default/containers/{blob.container}/blobs/{blob.name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": blob.last_modified.isoformat().replace("+00:00", "Z"),
        "id": identifier,
        "data": {
            "api": "PutBlob",
            "requestId": identifier,
            "eTag": (blob.etag or "").strip('"'),
            "contentType": blob.content_settings.content_type,
            "contentLength": blob.size,
            "blobType": BlobType(blob.blob_type).value,
            "url": url,
            "sequencer": f"{int(blob.last_modified.timestamp()):032x}",
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }


def webhook(session: aiohttp.ClientSession, url: str) -> Deliver:
    """Deliver events by posting them one at a time, as Event Grid does unless told otherwise."""

    async def post(event: Event) -> None:
        try:
            async with session.post(url, json=[event], headers={"aeg-event-type": "Notification"}) as response:
                if response.status >= 300:
                    raise OSError(f"the webhook answered {response.status}")
        except aiohttp.ClientError as error:
            raise OSError(f"the webhook can't be reached: {error}") from error

    return post


async def watch(storage: BlobServiceClient, targets: list[tuple[str, str]], poll_s: float) -> None:
    """Watch containers and post to webhooks until cancelled. Targets are pairs of container and URL."""
    async with storage, aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for container, url in targets:
            name = uuid.uuid5(uuid.NAMESPACE_URL, url.partition("&code=")[0])
            group.create_task(BlobEvents(storage, container, f"{name}", webhook(session, url), poll_s).run())


def _target(text: str) -> tuple[str, str]:
    container, _, url = text.partition("=")
    if not container or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} isn't of the form CONTAINER=URL")
    return container, url


async def _main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.host.blob_events",
        description="Post Microsoft.Storage.BlobCreated events to webhooks, in place of Event Grid. Prints "
        "READY {json} when it watches; SIGTERM or Ctrl-C ends it.",
    )
    parser.add_argument(
        "--watch",
        metavar="CONTAINER=URL",
        type=_target,
        action="append",
        required=True,
        help="tell this URL of the blobs of this container; may be given several times. The URL of a function is "
        "http://localhost:7071/runtime/webhooks/blobs?functionName=Host.Functions.NAME",
    )
    parser.add_argument(
        "--connection", default=HOST_STORAGE, help="setting in the environment that names the storage (%(default)s)"
    )
    parser.add_argument("--poll-s", type=float, default=POLL_S, help="time between looks (%(default)s)")
    arguments = parser.parse_args()
    watching = asyncio.ensure_future(
        watch(blob_client(os.environ, arguments.connection), arguments.watch, arguments.poll_s)
    )
    with end_signals(watching.cancel), contextlib.suppress(asyncio.CancelledError):
        announce_ready(containers=[container for container, _ in arguments.watch])
        await watching


if __name__ == "__main__":
    asyncio.run(_main())
