"""The asynchronous SDK: the same operations over its own transport."""

import datetime as dt

from azure.servicebus import ServiceBusMessage, ServiceBusMessageState, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient

from tests.support.service_bus import ServiceBusEmulator


async def test_the_asynchronous_client(bus: ServiceBusEmulator) -> None:
    async with (
        ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0) as client,
        client.get_queue_sender("async") as sender,
        client.get_queue_receiver("async", max_wait_time=5, prefetch_count=5) as receiver,
        client.get_queue_receiver("async", sub_queue=ServiceBusSubQueue.DEAD_LETTER, max_wait_time=5) as dead_letters,
    ):
        batch = await sender.create_message_batch()
        for n in range(10):
            batch.add_message(ServiceBusMessage(str(n)))
        await sender.send_messages(batch)
        at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
        (number,) = await sender.schedule_messages(ServiceBusMessage("z"), at)
        (scheduled,) = await receiver.peek_messages(1, sequence_number=number)
        assert scheduled.state == ServiceBusMessageState.SCHEDULED
        await sender.cancel_scheduled_messages(number)

        (message,) = await receiver.receive_messages(1)
        assert str(message) == "0"
        assert await receiver.renew_message_lock(message)
        await receiver.defer_message(message)
        (deferred,) = await receiver.receive_deferred_messages(message.sequence_number or 0)
        await receiver.complete_message(deferred)
        (message,) = await receiver.receive_messages(1)
        await receiver.abandon_message(message)
        counts = {}
        async for message in receiver:
            counts[str(message)] = message.delivery_count
            if str(message) == "5":
                await receiver.dead_letter_message(message, reason="five")
            else:
                await receiver.complete_message(message)
            if len(counts) == 9:
                break
        assert counts == {str(n): int(n == 1) for n in range(1, 10)}
        (dead,) = await dead_letters.receive_messages(1)
        assert (str(dead), dead.dead_letter_reason) == ("5", "five")
        await dead_letters.complete_message(dead)
