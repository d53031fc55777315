"""What all Service Bus triggers share: their life, connections that come and go, calls and how they are settled."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessageAlreadySettled,
    MessageLockLostError,
    SessionLockLostError,
)

from local.host.connections import service_bus_client
from local.host.contracts import Function, FunctionFailedError, Invocation, Invoker, WorkerLostError
from local.host.outage import Outage
from local.host.service_bus_options import ServiceBusOptions

IDLE_WAIT_S = 60.0
"""How long one wait for a message or a session lasts."""

_log = logging.getLogger(__name__)


class Settlement(Enum):
    """What becomes of a message after its call."""

    COMPLETE = "complete"
    ABANDON = "abandon"
    LEAVE = "leave"  # the lock expires, and the message is delivered again


class ServiceBusListener(ABC):
    """Takes messages from one entity for one function. See Listener in contracts.py.

    A call that fails, for whatever reason, abandons its message, which is delivered again at once; the broker moves it
    to the dead letters after MaxDeliveryCount deliveries. That goes for a lost worker process, too: the real host
    counts it as a failed call. When this process ends before its calls do, nothing is settled, and the locks expire.
    """

    def __init__(
        self,
        function: Function,
        invoker: Invoker,
        settings: Mapping[str, str],
        options: ServiceBusOptions,
        outage: Outage | None = None,
    ) -> None:
        self.function = function
        self.options = options
        self.stopping = asyncio.Event()
        self._invoker = invoker
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []
        self._outage = outage or outage_of(function, options)
        # Settings that are of no use must show now, not when the listener starts.
        self._open_client()

    async def start(self) -> None:
        """Begin to take messages."""
        self._tasks = [asyncio.create_task(self._run(), name=f"{self.function.name}-{i}") for i in range(self.lanes)]

    async def stop(self) -> None:
        """Take no new messages. Calls under way go on, and are settled."""
        self.stopping.set()

    async def drain(self) -> None:
        """Wait until calls under way are settled. Cancelled, it ends them; their messages' locks then expire."""
        self.stopping.set()
        try:
            await asyncio.gather(*self._tasks)
        finally:
            await end_tasks(self._tasks)

    @property
    def lanes(self) -> int:
        """How many connections to work with."""
        return 1

    @abstractmethod
    async def serve(self, client: ServiceBusClient) -> None:
        """Work on one connection until stopped and settled; for sessions, until one session ends.

        Calls reached() when the entity was reached, and raises when the connection is lost.
        """

    def reached(self) -> None:
        """Note that the entity can be used."""
        self._outage.over()

    def unsettled(self) -> bool:
        """Whether messages have to be settled yet, on another connection if this one is lost."""
        return False

    async def invoke(self, invocation: Invocation, messages: Sequence[ServiceBusReceivedMessage]) -> Settlement:
        """Call the function, and say what is to become of the messages it was called with."""
        try:
            await self._invoker.invoke(invocation)
        except (FunctionFailedError, WorkerLostError) as error:
            if self.stopping.is_set() and isinstance(error, WorkerLostError):
                # The grace time is over and the workers are gone: the host ends without settling what they had.
                return Settlement.LEAVE
            _log.info("%s: %s; %s", self.function.name, type(error).__name__, _will_return(messages))
        except Exception:
            _log.exception("%s: could not be called; %s", self.function.name, _will_return(messages))
        else:
            return Settlement.COMPLETE if self.options.auto_complete else Settlement.LEAVE
        return Settlement.ABANDON

    def refuse(self, error: ValueError, messages: Sequence[ServiceBusReceivedMessage]) -> Settlement:
        """Say what is to become of messages that the function can't be called with."""
        _log.error("%s: can't be called: %s; %s", self.function.name, error, _will_return(messages))
        return Settlement.ABANDON

    async def settle(
        self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, settlement: Settlement
    ) -> None:
        """Settle one message. A lock that is lost is logged: the message is delivered again.

        Raises:
            Exception: the connection is lost; it isn't known whether the message is settled.
        """
        try:
            if settlement is Settlement.COMPLETE:
                await receiver.complete_message(message)
            elif settlement is Settlement.ABANDON:
                await receiver.abandon_message(message)
        except MessageAlreadySettled:
            return
        except (MessageLockLostError, SessionLockLostError):
            _log.warning(
                "%s: the lock of message %s was lost before it could be settled (%s): it is delivered again",
                self.function.name,
                message.sequence_number,
                settlement.value,
            )

    async def settle_all(
        self,
        receiver: ServiceBusReceiver,
        messages: Iterable[ServiceBusReceivedMessage],
        settlement: Settlement,
    ) -> None:
        """Settle several messages at a time. Raises like settle(), after all were tried."""
        await all_of(self.settle(receiver, message, settlement) for message in messages)

    def _open_client(self) -> ServiceBusClient:
        return service_bus_client(self._settings, self.function.trigger.get("connection", ""))

    async def _run(self) -> None:
        while not self.stopping.is_set() or self.unsettled():
            try:
                async with self._open_client() as client:
                    await self.serve(client)
            except Exception as error:
                # Whatever it is, the function must go on listening: the SDK raises more than it documents.
                delay_s = self._outage.failed(error)
                _log.debug("%s: the connection is lost", self.function.name, exc_info=error)
                await asyncio.sleep(delay_s)


def outage_of(function: Function, options: ServiceBusOptions) -> Outage:
    """What is said when the entity of a function can't be reached."""
    return Outage(f"function {function.name}, Service Bus entity '{options.entity}'")


async def all_of(calls: Iterable[Awaitable[None]]) -> None:
    """Run them at a time to their ends, then raise the first error."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for them."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _will_return(messages: Sequence[ServiceBusReceivedMessage]) -> str:
    if len(messages) > 1:
        return f"{len(messages)} messages are abandoned"
    message = messages[0]
    return f"message {message.sequence_number} is abandoned after delivery {(message.delivery_count or 0) + 1}"
