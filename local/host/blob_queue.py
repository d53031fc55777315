"""The queue of a host's blob triggers: consumed by every host of the app, shared by all its blob functions.

Whoever finds a blob puts a message here; a host takes it, calls the function and deletes it. A message whose call
failed is visible again at once; after poisonBlobThreshold deliveries it goes to the queue webjobs-blobtrigger-poison.
What a killed host had taken is visible again after 10 minutes. (QueueListener.cs, SharedBlobQueueListener.cs)
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.host.blob_message import BlobMessage
from local.host.config_section import Section
from local.host.connections import HOST_STORAGE, queue_client
from local.host.contracts import Invoker
from local.host.outage import Outage

QUEUE_PREFIX = "azure-webjobs-blobtrigger-"
POISON_QUEUE = "webjobs-blobtrigger-poison"
VISIBILITY_S = 600
"""How long a message taken stays invisible; set anew at half time while its call is under way."""
MIN_POLL_S = 0.1
MAX_POLL_S = 2.0
"""Longest pause between looks at an empty queue: that of `func start`; 60 s in the cloud."""
CALLS_PER_CORE = 8
DEFAULT_POISON_THRESHOLD = 5
_MAX_FETCH = 32  # limit of the service

Execute = Callable[[BlobMessage], Awaitable[bool]]
"""Calls a function with a blob; says whether the message is done with. Raises AzureError when it can't be known."""

_log = logging.getLogger(__name__)
_queues: "WeakKeyDictionary[Invoker, dict[str, BlobQueue]]" = WeakKeyDictionary()


def shared_queue(
    invoker: Invoker, settings: Mapping[str, str], host_json: Mapping[str, Any], host_id: str
) -> "BlobQueue":
    """The one queue of all blob functions of a host; a host is known by its invoker.

    Raises:
        BindingError: AzureWebJobsStorage or host.json can't be used.
    """
    queues = _queues.setdefault(invoker, {})
    if host_id not in queues:
        queues[host_id] = BlobQueue(settings, host_json, host_id)
    return queues[host_id]


class BlobQueue:
    """Takes messages while it runs, up to maxDegreeOfParallelism at a time for all functions together.

    Args:
        host_json: extensions.blobs has maxDegreeOfParallelism (8 a core) and poisonBlobThreshold (5).
    """

    def __init__(self, settings: Mapping[str, str], host_json: Mapping[str, Any], host_id: str) -> None:
        section = Section(host_json).find("extensions.blobs") or Section()
        self._max_calls = int(section.find("maxDegreeOfParallelism") or CALLS_PER_CORE * (os.cpu_count() or 1))
        self._threshold = int(section.find("poisonBlobThreshold") or DEFAULT_POISON_THRESHOLD)
        self._service = queue_client(settings, HOST_STORAGE)
        self._queue = self._service.get_queue_client(QUEUE_PREFIX + host_id)
        self._functions: dict[str, tuple[Execute, QueueServiceClient]] = {}
        self._outage = Outage(f"blob triggers, queue '{self._queue.queue_name}'")
        self._poll: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()

    def register(self, function_id: str, execute: Execute, storage: QueueServiceClient | None) -> None:
        """Add a function. Its poison messages go to `storage`, or to the host's own."""
        self._functions[function_id] = execute, storage or self._service

    async def enqueue(self, message: BlobMessage) -> None:
        """Put a blob into the queue. Raises AzureError when storage doesn't take it."""
        text = message.to_json()
        try:
            await self._queue.send_message(text)
        except ResourceNotFoundError:
            await _create(self._queue)
            await self._queue.send_message(text)
        self._wake.set()

    async def start(self) -> None:
        """Begin to take messages, if that hasn't begun yet."""
        if self._poll is None:
            self._poll = asyncio.create_task(self._run(), name="blob-queue")

    def stop(self) -> None:
        """Take no more messages, for none of the functions."""
        self._stopping.set()
        self._wake.set()

    async def drain(self) -> None:
        """Wait for calls under way, and close. Cancelled, it ends them; their messages are visible again in time."""
        self.stop()
        try:
            if self._poll is not None:
                await asyncio.shield(self._poll)
            await asyncio.gather(*self._calls, return_exceptions=True)
        except asyncio.CancelledError:
            for task in (self._poll, *self._calls):
                if task is not None:
                    task.cancel()
            raise
        finally:
            await self._service.close()

    async def _run(self) -> None:
        pause_s = MIN_POLL_S
        while not self._stopping.is_set():
            self._wake.clear()
            found = 0
            try:
                if free := self._max_calls - len(self._calls):
                    found = await self._take(free)
                self._outage.over()
                pause_s = MIN_POLL_S if found else min(pause_s * 2, MAX_POLL_S)
            except Exception as error:
                pause_s = self._outage.failed(error)
            if not found or len(self._calls) >= self._max_calls:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause_s)

    async def _take(self, limit: int) -> int:
        count = 0
        try:
            pages = self._queue.receive_messages(
                messages_per_page=min(limit, _MAX_FETCH),
                max_messages=min(limit, _MAX_FETCH),
                visibility_timeout=VISIBILITY_S,
            )
            async for message in pages:
                count += 1
                call = asyncio.create_task(self._process(message))
                self._calls.add(call)
                call.add_done_callback(self._ended)
        except ResourceNotFoundError:
            await _create(self._queue)
        return count

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._wake.set()
        if not call.cancelled() and (error := call.exception()):
            _log.error("A blob trigger's message stays in its queue: %s: %s", type(error).__name__, error)

    async def _process(self, message: QueueMessage) -> None:
        try:
            blob = BlobMessage.from_json(message.content)
        except ValueError as error:
            _log.error("A message of queue '%s' is no blob: %s", self._queue.queue_name, error)
            await self._fail(message, self._service)
            return
        execute, storage = self._functions.get(blob.function_id, (_unknown, self._service))
        if (message.dequeue_count or 0) > self._threshold:
            await self._to_poison(message, storage)
        elif self._stopping.is_set():
            await self._queue.update_message(message, visibility_timeout=0)
        elif await self._execute(execute, blob, message):
            await self._delete(message)
        else:
            await self._fail(message, storage)

    async def _execute(self, execute: Execute, blob: BlobMessage, message: QueueMessage) -> bool:
        call = asyncio.ensure_future(execute(blob))
        try:
            while not (await asyncio.wait({call}, timeout=VISIBILITY_S / 2))[0]:
                update = await self._queue.update_message(message, visibility_timeout=VISIBILITY_S)
                message.pop_receipt = update.pop_receipt
        finally:
            call.cancel()
        return call.result()

    async def _fail(self, message: QueueMessage, storage: QueueServiceClient) -> None:
        if (message.dequeue_count or 0) >= self._threshold:
            await self._to_poison(message, storage)
        else:
            with contextlib.suppress(ResourceNotFoundError):
                await self._queue.update_message(message, visibility_timeout=0)

    async def _to_poison(self, message: QueueMessage, storage: QueueServiceClient) -> None:
        poison = storage.get_queue_client(POISON_QUEUE)
        try:
            await poison.send_message(message.content)
        except ResourceNotFoundError:
            await _create(poison)
            await poison.send_message(message.content)
        _log.warning("A blob has failed %d times; its message moves to queue '%s'", self._threshold, POISON_QUEUE)
        await self._delete(message)

    async def _delete(self, message: QueueMessage) -> None:
        # Somebody else took it over: they delete it.
        with contextlib.suppress(ResourceNotFoundError):
            await self._queue.delete_message(message)


async def _create(queue: QueueClient) -> None:
    with contextlib.suppress(ResourceExistsError):
        await queue.create_queue()


async def _unknown(blob: BlobMessage) -> bool:
    _log.warning("Blob '%s/%s' is for %s, which doesn't run here", blob.container, blob.name, blob.function_id)
    return True
