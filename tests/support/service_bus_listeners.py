"""Service Bus listeners of the functions host on an emulator: fixtures for their tests.

Connections are made once for a module and closed together at its end: the SDK takes a second for each. Test modules
import the fixtures and run on one event loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from local.host.contracts import Listener
from local.host.service_bus_trigger import create_listener
from tests.support.host_listeners import RecordingInvoker, function
from tests.support.service_bus import ServiceBusEmulator, configuration, service_bus

LOCK_S = 5.0
"""Locks of the queues `short-0` to `short-4` and of those with sessions: the shortest that Service Bus allows."""
SESSIONS = {"maxConcurrentSessions": 2, "sessionIdleTimeout": "00:00:00.3"}
QUEUES = [f"queue-{n}" for n in range(15)]
CONFIG = configuration(
    queues={
        **{name: {"LockDuration": "PT1M", "MaxDeliveryCount": 3} for name in QUEUES},
        **{f"short-{n}": {"LockDuration": "PT5S"} for n in range(5)},
        **{f"sessions-{n}": {"LockDuration": "PT5S", "RequiresSession": True} for n in range(3)},
    },
    topics={"news": {"Subscriptions": [{"Name": "all"}]}},
)


class Bus:
    """An emulator, listeners on it, and a client that sends and looks as another app would."""

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self._client = ServiceBusClient.from_connection_string(connection_string)
        self._senders: dict[str, ServiceBusSender] = {}
        self._receivers: dict[str, ServiceBusReceiver] = {}
        self._ends: list[asyncio.Task[None]] = []

    def listener(self, queue: str, invoker: RecordingInvoker, *, host: Any = None, **trigger: Any) -> Listener:
        """A listener. `host` is the section extensions.serviceBus of host.json."""
        trigger = trigger if "topicName" in trigger else {"queueName": queue, **trigger}
        settings = {"Connection": self._connection_string}
        host_json = {"extensions": {"serviceBus": host or {}}}
        return create_listener(function("serviceBusTrigger", **trigger), invoker, settings, host_json)

    @asynccontextmanager
    async def running(self, *arguments: Any, **options: Any) -> AsyncIterator[Listener]:
        """A started listener, stopped at the end. It is drained later: closing connections takes a second."""
        listener = self.listener(*arguments, **options)
        await listener.start()
        try:
            yield listener
        finally:
            await listener.stop()
            self._ends.append(asyncio.create_task(listener.drain()))

    async def open(self, queues: Iterable[str]) -> None:
        """Connect to queues, all at a time: the SDK takes half a second for each."""
        connections = [connect(queue) for queue in queues for connect in (self._sender, self._receiver)]
        await asyncio.gather(*(connection.__aenter__() for connection in connections))

    async def send(self, queue: str, *messages: ServiceBusMessage) -> None:
        """Send messages to a queue or topic."""
        await self._sender(queue).send_messages(list(messages))

    async def left(self, queue: str) -> list[ServiceBusReceivedMessage]:
        """Look at what is in a queue, locked messages included."""
        return await self._receiver(queue).peek_messages(100, sequence_number=1)

    async def emptied(self, queue: str) -> None:
        """Wait until nothing is in a queue."""
        deadline = time.monotonic() + 20
        while messages := await self.left(queue):
            assert time.monotonic() < deadline, f"{len(messages)} messages stay in {queue}"

    async def close(self) -> None:
        if self._ends:
            # A test that failed may have left calls behind that never end.
            _, late = await asyncio.wait(self._ends, timeout=15)
            for end in late:
                end.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)
        handlers = (*self._senders.values(), *self._receivers.values())
        await asyncio.gather(*(handler.close() for handler in handlers))
        await self._client.close()

    def _sender(self, queue: str) -> ServiceBusSender:
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        return self._senders[queue]

    def _receiver(self, queue: str) -> ServiceBusReceiver:
        if queue not in self._receivers:
            self._receivers[queue] = self._client.get_queue_receiver(queue)
        return self._receivers[queue]


@pytest.fixture(scope="module")
def emulator() -> Iterator[ServiceBusEmulator]:
    with service_bus(CONFIG) as running_emulator:
        yield running_emulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(emulator: ServiceBusEmulator) -> AsyncIterator[Bus]:
    opened = Bus(emulator.connection_string)
    await opened.open(QUEUES)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def unused_queues() -> Iterator[str]:
    return iter(QUEUES)


@pytest.fixture
def queue(unused_queues: Iterator[str]) -> str:
    """A queue of the test's own: MaxDeliveryCount 3, LockDuration 1 minute."""
    return next(unused_queues)
