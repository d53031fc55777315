"""Looks into queues without taking anything out, and takes single dead letters out when asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from shared.config import Connection
from shared.errors import MessagingError, UnknownQueueError
from shared.messaging.sender import open_client

PEEK_LIMIT = 250  # messages a call


class QueueBrowser:
    """Peeks at queues, over one connection."""

    def __init__(self, client: ServiceBusClient) -> None:
        self._client = client

    async def peek(
        self, queue: str, *, dead_letters: bool = False, after: int = 0, limit: int | None = None
    ) -> AsyncIterator[ServiceBusReceivedMessage]:
        """The messages with a higher sequence number than `after`, oldest first.

        Raises:
            UnknownQueueError, MessagingError
        """
        sub_queue = ServiceBusSubQueue.DEAD_LETTER if dead_letters else None
        count = 0
        try:
            async with self._client.get_queue_receiver(queue, sub_queue=sub_queue) as receiver:
                while limit is None or count < limit:
                    messages = await receiver.peek_messages(
                        min(PEEK_LIMIT, limit - count) if limit else PEEK_LIMIT, sequence_number=after + 1
                    )
                    if not messages:
                        return
                    for message in messages:
                        count += 1
                        after = message.sequence_number or 0
                        yield message
        except (OSError, ValueError) as error:
            raise MessagingError(f"The queue {queue} can't be read ({type(error).__name__}).") from error

    async def count(self, queue: str, *, dead_letters: bool = False, limit: int = 1000) -> int:
        """How many messages a queue holds, counted up to a limit (scheduled and locked ones included)."""
        return len([m async for m in self.peek(queue, dead_letters=dead_letters, limit=limit)])

    @asynccontextmanager
    async def dead_letter(self, queue: str, sequence_number: int) -> AsyncIterator[ServiceBusReceivedMessage]:
        """Take one dead letter out: completed if the block ends well, else put back.

        Raises:
            UnknownQueueError: it isn't there.
        """
        receiver = self._client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
        async with receiver:
            message = await _find(receiver, sequence_number)
            if message is None:
                raise UnknownQueueError(f"There is no dead letter {sequence_number} in {queue}.")
            try:
                yield message
            except BaseException:
                await receiver.abandon_message(message)
                raise
            await receiver.complete_message(message)


@asynccontextmanager
async def browse(connection: Connection) -> AsyncIterator[QueueBrowser]:
    """Open a connection for browsing."""
    async with open_client(connection) as client:
        yield QueueBrowser(client)


async def _find(receiver: ServiceBusReceiver, sequence_number: int) -> ServiceBusReceivedMessage | None:
    """Lock messages until the right one comes; the others are put back."""
    others: list[ServiceBusReceivedMessage] = []
    try:
        while batch := await receiver.receive_messages(max_message_count=100, max_wait_time=2):
            for i, message in enumerate(batch):
                if message.sequence_number == sequence_number:
                    others += batch[i + 1 :]
                    return message
                others.append(message)
        return None
    finally:
        for message in others:
            await receiver.abandon_message(message)
