"""Many messages through one queue without loss."""

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from tests.support.service_bus import ServiceBusEmulator

BODY = b"x" * 1024


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.accept)])
async def test_many_messages_arrive_once_each_and_in_order(bus: ServiceBusEmulator, count: int) -> None:
    async with (
        ServiceBusClient.from_connection_string(bus.connection_string) as client,
        client.get_queue_sender("load") as sender,
        client.get_queue_receiver("load", prefetch_count=200) as receiver,
    ):
        for start in range(0, count, 100):
            numbers = range(start, start + 100)
            await sender.send_messages([ServiceBusMessage(BODY, message_id=str(number)) for number in numbers])
        received: list[int] = []
        while len(received) < count:
            messages = await receiver.receive_messages(200, max_wait_time=5)
            assert messages, f"{len(received)} of {count} messages came"
            for message in messages:
                assert b"".join(message.body) == BODY
                received.append(int(str(message.message_id)))
                await receiver.complete_message(message)

        assert received == list(range(count))
        assert await receiver.peek_messages(1, sequence_number=1) == []
