"""One emulator for these tests, and clients of it.

Opening and closing a link costs the SDK about a second: tests share links where they can, and leave their queue empty.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver, ServiceBusSender

from tests.support.service_bus import ServiceBusEmulator, configuration, service_bus

QUEUES = {
    "work": {"LockDuration": "PT30S", "MaxDeliveryCount": 3},
    "short": {"LockDuration": "PT5S"},
    "short-sessions": {"RequiresSession": True, "LockDuration": "PT5S"},
    "detecting": {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "PT1M"},
    "expiring": {"DefaultMessageTimeToLive": "PT1S", "DeadLetteringOnMessageExpiration": True},
    "sessions": {"RequiresSession": True},
    "forwarding": {"ForwardTo": "target"},
    "target": {},
    "async": {},
    "load": {},
    "fuzz": {},
}
TOPICS = {
    "topic": {
        "Subscriptions": [
            {"Name": "all"},
            {
                "Name": "red",
                "Rules": [
                    {
                        "Name": "colour",
                        "Properties": {
                            "FilterType": "Correlation",
                            "CorrelationFilter": {"Properties": {"colour": "red"}},
                        },
                    }
                ],
            },
        ]
    }
}


@pytest.fixture(scope="package")
def bus() -> Iterator[ServiceBusEmulator]:
    with service_bus(configuration(QUEUES, TOPICS)) as emulator:
        yield emulator


@pytest.fixture(scope="package")
def client(bus: ServiceBusEmulator) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0) as opened:
        yield opened


@contextmanager
def opened[*Handlers](*handlers: *Handlers) -> Iterator[tuple[*Handlers]]:
    """Senders and receivers, opened and closed all at the same time."""
    with ThreadPoolExecutor(len(handlers)) as pool:
        try:
            list(pool.map(lambda handler: handler.__enter__(), handlers))
            yield handlers
        finally:
            list(pool.map(lambda handler: handler.close(), handlers))


@dataclass
class Links:
    """A sender and a receiver of one queue, and a receiver of its dead letters."""

    sender: ServiceBusSender
    receiver: ServiceBusReceiver
    dead_letters: ServiceBusReceiver

    def take(self, count: int = 1, wait_s: float = 5) -> list[ServiceBusReceivedMessage]:
        """This many messages of the queue."""
        return take(self.receiver, count, wait_s)

    def is_empty(self) -> bool:
        return not self.receiver.receive_messages(1, max_wait_time=0.3)


def take(receiver: ServiceBusReceiver, count: int, wait_s: float = 5) -> list[ServiceBusReceivedMessage]:
    """This many messages: the SDK returns fewer when they come in pieces."""
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < count:
        batch = receiver.receive_messages(count - len(found), max_wait_time=wait_s)
        assert batch, f"{len(found)} of {count} messages came"
        found += batch
    return found


@pytest.fixture(scope="package")
def work_links(client: ServiceBusClient) -> Iterator[Links]:
    with opened(
        client.get_queue_sender("work"),
        client.get_queue_receiver("work"),
        client.get_queue_receiver("work/$DeadLetterQueue"),
    ) as links:
        yield Links(*links)


@pytest.fixture
def work(work_links: Links) -> Iterator[Links]:
    """The links of the queue "work", which is empty before and after."""
    yield work_links
    assert work_links.receiver.peek_messages(5, sequence_number=1) == []
    assert work_links.dead_letters.peek_messages(5, sequence_number=1) == []
