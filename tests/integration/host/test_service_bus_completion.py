"""Completing many messages at a time, against what the SDK does with each alone."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import MessageLockLostError, ServiceBusConnectionError

from local.host.service_bus_completion import complete_all
from tests.support.service_bus import ServiceBusEmulator, configuration, service_bus


@pytest.fixture(scope="module")
def emulator() -> Iterator[ServiceBusEmulator]:
    with service_bus(configuration({"q": {"LockDuration": "PT1M"}})) as running:
        yield running


@pytest.fixture
async def client(emulator: ServiceBusEmulator) -> AsyncIterator[ServiceBusClient]:
    async with ServiceBusClient.from_connection_string(emulator.connection_string, retry_total=0) as client:
        yield client
        async with client.get_queue_receiver("q", receive_mode="receiveanddelete") as rest:
            while await rest.receive_messages(100, max_wait_time=0.2):
                pass


async def _received(
    client: ServiceBusClient, receiver: ServiceBusReceiver, count: int
) -> list[ServiceBusReceivedMessage]:
    async with client.get_queue_sender("q") as sender:
        await sender.send_messages([ServiceBusMessage(str(n)) for n in range(count)])
    messages: list[ServiceBusReceivedMessage] = []
    while len(messages) < count:
        messages += await receiver.receive_messages(count - len(messages), max_wait_time=5)
    return messages


async def test_completes_in_any_order_and_with_gaps(client: ServiceBusClient) -> None:
    async with client.get_queue_receiver("q") as receiver:
        messages = await _received(client, receiver, 9)
        chosen = [messages[n] for n in (7, 0, 1, 2, 5)]
        assert await complete_all(receiver, chosen) == []
        left = {str(message) for message in await receiver.peek_messages(20, sequence_number=1)}
        assert left == {"3", "4", "6", "8"}
        assert await complete_all(receiver, [m for m in messages if m not in chosen]) == []
        assert await receiver.peek_messages(20, sequence_number=1) == []
        again = await _received(client, receiver, 2)
        assert await complete_all(receiver, again) == []


async def test_one_lost_lock_is_told_and_keeps_no_other_from_completion(client: ServiceBusClient) -> None:
    async with client.get_queue_receiver("q") as receiver:
        messages = await _received(client, receiver, 5)
        # Settled behind the link's back, so that the broker knows the lock no more.
        behind: Any = receiver
        await behind._settle_message_via_mgmt_link("abandoned", [messages[2].lock_token])
        assert await complete_all(receiver, messages) == [messages[2]]
        with pytest.raises(MessageLockLostError):
            await receiver.complete_message(messages[2])
        assert [str(message) for message in await receiver.peek_messages(20, sequence_number=1)] == ["2"]


async def test_messages_of_an_earlier_connection_are_left_to_the_sdk(client: ServiceBusClient) -> None:
    async with client.get_queue_receiver("q") as first:
        old = await _received(client, first, 2)
        async with client.get_queue_receiver("q") as second:
            new = await _received(client, second, 2)
            assert await complete_all(second, [*old, *new]) == old


async def test_a_dead_connection_is_an_error() -> None:
    with service_bus(configuration({"q": {"LockDuration": "PT1M"}})) as emulator:
        client = ServiceBusClient.from_connection_string(emulator.connection_string, retry_total=0)
        async with client, client.get_queue_receiver("q") as receiver:
            messages = await _received(client, receiver, 3)
            emulator.kill()
            with pytest.raises(ServiceBusConnectionError):
                await complete_all(receiver, messages)
