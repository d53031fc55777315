"""Sends messages to Service Bus: one client and one sender per queue for the whole process."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from azure.servicebus import ServiceBusMessage
from azure.servicebus import exceptions as bus_errors
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from shared.config import Connection
from shared.errors import MessagingError, SluiceError, UnknownQueueError
from shared.messages import JSON_CONTENT, OutgoingMessage
from shared.telemetry.messaging import sending

# A batch may hold 256 KB (Service Bus quotas, Standard tier); the rest is room for properties and framing.
_BATCH_BODY_LIMIT_BYTES = 150_000
_BATCH_LIMIT = 100


class MessageSender(Protocol):
    """Sends messages."""

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        """Send them; those with `not_before` become visible then.

        Raises:
            UnknownQueueError: there is no such queue, or we may not send to it.
            MessagingError: Service Bus failed. Some of the messages may have been sent.
        """
        ...


class ServiceBusMessageSender:
    """Implements MessageSender with the official SDK.

    The SDK's senders must not be shared between coroutines, so calls for one queue take turns; whatever gathered
    while one was under way leaves as one batch.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: ServiceBusClient | None = None
        self._queues: dict[str, _QueueSender] = {}

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        """See MessageSender."""
        if queue not in self._queues:
            if self._client is None:
                self._client = open_client(self._connection)
            self._queues[queue] = _QueueSender(queue, self._client)
        sent = [(message.message_id, _traceparent(message)) for message in messages]
        with sending(queue, sent) as carried:
            await self._queues[queue].send([_carrying(*pair) for pair in zip(messages, carried, strict=True)])

    async def close(self) -> None:
        """Close the connection."""
        for queue in self._queues.values():
            await queue.close()
        self._queues.clear()
        if self._client is not None:
            await self._client.close()
            self._client = None


def open_client(connection: Connection) -> ServiceBusClient:
    """A Service Bus client for these settings."""
    if connection.connection_string:
        return ServiceBusClient.from_connection_string(connection.connection_string, retry_total=4)
    from azure.identity.aio import DefaultAzureCredential

    credential = DefaultAzureCredential(managed_identity_client_id=connection.client_id)
    return ServiceBusClient(connection.address or "", credential, retry_total=4)


@dataclass(frozen=True, slots=True)
class _Entry:
    message: OutgoingMessage
    sent: asyncio.Future[None]


class _QueueSender:
    """All sends to one queue."""

    def __init__(self, queue: str, client: ServiceBusClient) -> None:
        self._queue = queue
        self._client = client
        self._sender: ServiceBusSender | None = None
        self._entries: deque[_Entry] = deque()
        self._turn = asyncio.Lock()

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        loop = asyncio.get_running_loop()
        mine = [_Entry(message, loop.create_future()) for message in messages]
        self._entries.extend(mine)
        for entry in mine:
            async with self._turn:
                if not entry.sent.done():
                    await self._send_batch(self._next_batch())
        results = await asyncio.gather(*(entry.sent for entry in mine), return_exceptions=True)
        if failed := next((r for r in results if isinstance(r, BaseException)), None):
            raise failed

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender.close()
            self._sender = None

    def _next_batch(self) -> list[_Entry]:
        """The oldest entries that fit into one batch: at least one."""
        batch = [self._entries.popleft()]
        size = len(batch[0].message.body.encode())
        while self._entries and len(batch) < _BATCH_LIMIT:
            size += len(self._entries[0].message.body.encode())
            if size > _BATCH_BODY_LIMIT_BYTES:
                break
            batch.append(self._entries.popleft())
        return batch

    async def _send_batch(self, batch: list[_Entry]) -> None:
        try:
            if self._sender is None:
                self._sender = self._client.get_queue_sender(self._queue)
            await self._sender.send_messages([_encode(entry.message) for entry in batch])
        except asyncio.CancelledError:
            self._settle(batch, MessagingError(f"Sending to the queue {self._queue} was interrupted."))
            raise
        except Exception as error:
            # A sender that has failed may be unusable: the next call opens another.
            broken, self._sender = self._sender, None
            self._settle(batch, _translate(self._queue, error))
            if broken is not None:
                await broken.close()
        else:
            self._settle(batch, None)

    @staticmethod
    def _settle(batch: list[_Entry], error: SluiceError | None) -> None:
        for entry in batch:
            if entry.sent.done():
                continue
            if error is None:
                entry.sent.set_result(None)
            else:
                entry.sent.set_exception(error)


def _traceparent(message: OutgoingMessage) -> str | None:
    given = message.properties.get("traceparent")
    return None if given is None else str(given)


def _carrying(message: OutgoingMessage, traceparent: str | None) -> OutgoingMessage:
    """A message with the context of the span that sends it, under both names by which Azure's SDKs look for it."""
    if traceparent is None:
        return message
    return replace(message, properties={**message.properties, "traceparent": traceparent, "Diagnostic-Id": traceparent})


def _encode(message: OutgoingMessage) -> ServiceBusMessage:
    encoded = ServiceBusMessage(
        message.body,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        content_type=JSON_CONTENT,
        application_properties={k: v for k, v in message.properties.items() if v is not None},
    )
    if message.not_before is not None and message.not_before > datetime.now(UTC):
        encoded.scheduled_enqueue_time_utc = message.not_before
    return encoded


def _translate(queue: str, error: Exception) -> SluiceError:
    if isinstance(error, bus_errors.MessagingEntityNotFoundError | bus_errors.ServiceBusAuthorizationError):
        return UnknownQueueError(f"The queue {queue} doesn't exist, or this identity may not send to it.")
    return MessagingError(f"Sending to the queue {queue} failed ({type(error).__name__}).")
