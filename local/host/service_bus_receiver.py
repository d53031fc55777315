"""Receiving at once: what the SDK has to offer, put together so that neither a message nor a settlement waits.

The SDK's receive call for many messages waits 0.2 s for more after the first, and while any of its calls waits for the
broker, nothing can be written on that connection: a settlement started meanwhile takes 0.2 s and more. So one task
owns the receiver and does one thing at a time. It waits with a call for one message, which it cancels as soon as there
is something to settle; then it takes what else has arrived.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver

BURST_S = 0.003
"""How long to go on for more messages after one has come."""
BATCH_BURST_S = 0.02
"""The same where the messages are for one call: the .NET client waits as long for a batch to grow."""
BATCH_BURSTS = 10
"""How often to go on while that brings messages."""

# The time is kept here; the SDK's own limit must never end a call first.
_MARGIN_S = 60.0

Deliver = Callable[[ServiceBusReceivedMessage], None]


class PromptReceiver:
    """Receives from one open receiver. Only one task may use both.

    Why cancelling is safe: what the client has read but not yet returned stays in its buffer, from which a call takes
    before it asks the broker. Only a call for several messages that found some in the buffer would lose those when it
    is cancelled; so calls for one empty the buffer first. A call that has found the connection dead and is closing it
    is not cancelled: it would leave a receiver that takes itself for open, and whose next call ends in an
    AttributeError.

    Args:
        receiver: connected.
        prefetch: whether the client fills its buffer by itself.
    """

    def __init__(self, receiver: ServiceBusReceiver, *, prefetch: bool = False) -> None:
        self._receiver = receiver
        self._prefetch = prefetch

    async def receive(
        self, limit: int, deliver: Deliver, interrupt: asyncio.Event, wait_s: float, *, batch: bool = False
    ) -> None:
        """Wait for a message, and take up to `limit` of those that are there.

        Args:
            limit: at least 1. The broker locks no more than this for us.
            deliver: called with every message as it comes.
            interrupt: ends the wait.
            wait_s: how long to wait for the first.
            batch: whether to take time to get many.

        Raises:
            ServiceBusError: the connection is lost, or the entity can't be used.
        """
        remaining = limit - await self._take(1, deliver, wait_s, interrupt)
        if remaining == limit:
            return
        remaining -= await self._take_buffered(remaining, deliver)
        for _ in range(BATCH_BURSTS if batch else 1):
            if not remaining or self._prefetch:
                return
            before = remaining
            # One less than allowed: what came into the buffer just now the SDK counts twice, and it asks for one more.
            remaining -= await self._take(max(remaining - 1, 1), deliver, BATCH_BURST_S if batch else BURST_S)
            # What a burst had got when its time was over is in the buffer now.
            remaining -= await self._take_buffered(remaining, deliver)
            if remaining == before:
                return

    async def _take_buffered(self, limit: int, deliver: Deliver) -> int:
        count = 0
        while count < limit and await self._take(1, deliver, 0.0):
            count += 1
        return count

    async def _take(self, limit: int, deliver: Deliver, wait_s: float, interrupt: asyncio.Event | None = None) -> int:
        call = asyncio.ensure_future(self._receiver.receive_messages(limit, max_wait_time=wait_s + _MARGIN_S))
        waits = {call} if interrupt is None else {call, asyncio.ensure_future(interrupt.wait())}
        try:
            await asyncio.wait(waits, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            if self._closing():
                await asyncio.wait({call})
        finally:
            for wait in waits:
                wait.cancel()
        await asyncio.wait({call})
        if call.cancelled():
            return 0
        messages = call.result()
        for message in messages:
            deliver(message)
        return len(messages)

    def _closing(self) -> bool:
        handler: Any = self._receiver._handler  # through Any: the SDK says it is never None
        return handler is not None and handler._shutdown
