"""Service Bus triggers of entities with sessions: a session's messages come one after the other, in order.

Every connection takes whatever session is free, works on it until no message has come for sessionIdleTimeout, gives it
up and takes the next. For single messages there are maxConcurrentSessions of them, for batches there is one.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import OperationTimeoutError, SessionLockLostError

from local.host.service_bus_batch import BatchListener, collect
from local.host.service_bus_listener import IDLE_WAIT_S, Settlement, end_tasks
from local.host.service_bus_message import single_invocation
from local.host.service_bus_receiver import PromptReceiver
from local.host.service_bus_single import RENEWAL_MARGIN_S

_log = logging.getLogger(__name__)


class SessionBatchListener(BatchListener):
    """Calls the function with batches out of one session at a time."""

    async def serve(self, client: ServiceBusClient) -> None:
        receiver = self.options.receiver(client, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=IDLE_WAIT_S)
        accepted = await _accept(receiver, self.stopping)
        self.reached()
        source = PromptReceiver(receiver, prefetch=self.options.prefetch_count > 0)
        try:
            while accepted and (messages := await self.take(source)):
                await self.process(receiver, messages)
        except SessionLockLostError:
            _log.warning("%s: the lock of session '%s' was lost", self.function.name, receiver.session.session_id)

    async def take(self, source: PromptReceiver) -> list[ServiceBusReceivedMessage]:
        """The session's next messages; none when it has been idle for long enough, or the listener stops."""
        return await collect(source, self.options, self.stopping, self.options.session_idle_s)


class SessionListener(SessionBatchListener):
    """Calls the function with one message of each session at a time."""

    @property
    def lanes(self) -> int:
        return self.options.max_sessions

    async def take(self, source: PromptReceiver) -> list[ServiceBusReceivedMessage]:
        messages: list[ServiceBusReceivedMessage] = []
        await source.receive(1, messages.append, self.stopping, self.options.session_idle_s)
        return messages

    async def process(self, receiver: ServiceBusReceiver, messages: list[ServiceBusReceivedMessage]) -> None:
        call = asyncio.create_task(super().process(receiver, messages))
        try:
            await self._renew_until_done(receiver, call)
        finally:
            if not call.done():
                await end_tasks([call])
        call.result()

    async def call(self, messages: list[ServiceBusReceivedMessage]) -> Settlement:
        try:
            invocation = single_invocation(self.function, messages[0])
        except ValueError as error:
            return self.refuse(error, messages)
        return await self.invoke(invocation, messages)

    async def _renew_until_done(self, receiver: ServiceBusReceiver, call: asyncio.Task[None]) -> None:
        renew_until = time.monotonic() + self.options.max_renewal_s
        while not call.done():
            locked_until = receiver.session.locked_until_utc or datetime.now(UTC)
            left_s = (locked_until - datetime.now(UTC)).total_seconds()
            wait_s = max(left_s - min(left_s / 2, RENEWAL_MARGIN_S), 0.0)
            if time.monotonic() + wait_s > renew_until:
                await asyncio.wait({call})
                return
            await asyncio.wait({call}, timeout=wait_s)
            if not call.done():
                try:
                    await receiver.session.renew_lock()
                except Exception as error:
                    _log.warning(
                        "%s: the lock of session '%s' can't be renewed: %s",
                        self.function.name,
                        receiver.session.session_id,
                        type(error).__name__,
                    )
                    await asyncio.wait({call})


async def _accept(receiver: ServiceBusReceiver, stopping: asyncio.Event) -> bool:
    """Wait for a session that has messages. False when there is none in time, or the listener stops."""
    opening = asyncio.ensure_future(receiver.__aenter__())
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({opening, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            return False
        try:
            opening.result()
        except OperationTimeoutError:
            return False
        return True
    finally:
        await end_tasks([opening, stop])
