"""Many messages a call, one call at a time: a Service Bus trigger of cardinality "many".

Locks of a batch aren't renewed, in the real host neither: a call must end within the queue's lock duration.
"""

import asyncio
import time

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from local.host.service_bus_listener import IDLE_WAIT_S, ServiceBusListener, Settlement
from local.host.service_bus_message import batch_invocation
from local.host.service_bus_options import ServiceBusOptions
from local.host.service_bus_receiver import PromptReceiver


class BatchListener(ServiceBusListener):
    """Calls the function with what is there, up to maxMessageBatchSize messages; the next batch waits for the call."""

    async def serve(self, client: ServiceBusClient) -> None:
        async with self.options.receiver(client) as receiver:
            self.reached()
            source = PromptReceiver(receiver, prefetch=self.options.prefetch_count > 0)
            while not self.stopping.is_set():
                messages = await collect(source, self.options, self.stopping, IDLE_WAIT_S)
                if messages:
                    await self.process(receiver, messages)

    async def process(self, receiver: ServiceBusReceiver, messages: list[ServiceBusReceivedMessage]) -> None:
        """Call the function with a batch and settle it. A batch taken while stopping is given back."""
        settlement = Settlement.ABANDON if self.stopping.is_set() else await self.call(messages)
        await self.settle_all(receiver, messages, settlement)

    async def call(self, messages: list[ServiceBusReceivedMessage]) -> Settlement:
        """Call the function, and say what is to become of the messages."""
        try:
            invocation = batch_invocation(self.function, messages)
        except ValueError as error:
            return self.refuse(error, messages)
        return await self.invoke(invocation, messages)


async def collect(
    source: PromptReceiver, options: ServiceBusOptions, stopping: asyncio.Event, wait_s: float
) -> list[ServiceBusReceivedMessage]:
    """Wait up to `wait_s` for messages, and then up to maxBatchWaitTime until there are minMessageBatchSize."""
    messages: list[ServiceBusReceivedMessage] = []
    await source.receive(options.max_batch, messages.append, stopping, wait_s, batch=True)
    deadline = time.monotonic() + options.max_batch_wait_s
    while 0 < len(messages) < options.min_batch and not stopping.is_set():
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            break
        await source.receive(options.max_batch - len(messages), messages.append, stopping, left_s, batch=True)
    return messages
