"""One message a call, many calls at a time: the usual Service Bus trigger."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from local.host.contracts import Function, Invoker
from local.host.outage import Outage
from local.host.service_bus_completion import complete_all
from local.host.service_bus_listener import IDLE_WAIT_S, ServiceBusListener, Settlement, all_of, end_tasks
from local.host.service_bus_message import single_invocation
from local.host.service_bus_options import ServiceBusOptions
from local.host.service_bus_receiver import PromptReceiver

RENEWAL_MARGIN_S = 10.0
"""How long before its end a lock is renewed; half of what is left, if that is less (ReceiverManager.cs)."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Held:
    """A message under way. Times are those of time.monotonic()."""

    message: ServiceBusReceivedMessage
    renew_until: float
    renew_at: float = math.inf
    settlement: Settlement | None = None
    call: asyncio.Task[None] | None = field(default=None, repr=False)

    def plan_renewal(self) -> None:
        """Set when to renew the lock next, or that it isn't renewed any more."""
        locked_until, now = self.message.locked_until_utc, time.monotonic()
        left_s = (locked_until - datetime.now(UTC)).total_seconds() if locked_until else math.inf
        renew_at = now + left_s - min(left_s / 2, RENEWAL_MARGIN_S)
        self.renew_at = renew_at if renew_at < self.renew_until else math.inf


class SingleListener(ServiceBusListener):
    """Calls the function with each message, up to maxConcurrentCalls at a time.

    One task does everything on the connection, in turns: settles the messages whose calls ended, renews locks that are
    due, receives as many as there are calls free. Messages outlive their connection: when it is lost their calls go
    on, and they are settled on the next one while their locks last.
    """

    def __init__(
        self,
        function: Function,
        invoker: Invoker,
        settings: Mapping[str, str],
        options: ServiceBusOptions,
        outage: Outage | None = None,
    ) -> None:
        super().__init__(function, invoker, settings, options, outage)
        self._held: set[_Held] = set()
        self._finished: list[_Held] = []
        self._wake = asyncio.Event()
        self._next_renewal = math.inf

    async def stop(self) -> None:
        await super().stop()
        self._wake.set()

    async def drain(self) -> None:
        self._wake.set()
        try:
            await super().drain()
        finally:
            await end_tasks(held.call for held in self._held if held.call)

    def unsettled(self) -> bool:
        return bool(self._held)

    async def serve(self, client: ServiceBusClient) -> None:
        async with self.options.receiver(client) as receiver:
            self.reached()
            source = PromptReceiver(receiver, prefetch=self.options.prefetch_count > 0)
            while not self.stopping.is_set() or self._held:
                self._wake.clear()
                await self._settle_finished(receiver)
                await self._renew_due(receiver)
                wait_s = min(max(self._next_renewal - time.monotonic(), 0.0), IDLE_WAIT_S)
                free = 0 if self.stopping.is_set() else self.options.max_calls - len(self._held)
                if self._finished or (self.stopping.is_set() and not self._held):
                    continue
                if free > 0:
                    await source.receive(free, self._begin, self._wake, wait_s)
                else:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), wait_s)

    def _begin(self, message: ServiceBusReceivedMessage) -> None:
        held = _Held(message, time.monotonic() + self.options.max_renewal_s)
        self._held.add(held)
        if self.stopping.is_set():
            self._finish(held, Settlement.ABANDON)
            return
        held.plan_renewal()
        self._next_renewal = min(self._next_renewal, held.renew_at)
        held.call = asyncio.create_task(self._call(held))

    async def _call(self, held: _Held) -> None:
        message = held.message
        try:
            invocation = single_invocation(self.function, message)
        except ValueError as error:
            self._finish(held, self.refuse(error, [message]))
        else:
            self._finish(held, await self.invoke(invocation, [message]))

    def _finish(self, held: _Held, settlement: Settlement) -> None:
        held.settlement = settlement
        held.renew_at = math.inf
        self._finished.append(held)
        self._wake.set()

    async def _settle_finished(self, receiver: ServiceBusReceiver) -> None:
        left, self._finished = self._finished, []
        try:
            completing = {id(held.message): held for held in left if held.settlement is Settlement.COMPLETE}
            if len(completing) > 1:
                for message in await complete_all(receiver, [held.message for held in completing.values()]):
                    del completing[id(message)]
                done = set(completing.values())
                self._held -= done
                left = [held for held in left if held not in done]
            while left:
                await self.settle(receiver, left[0].message, left[0].settlement or Settlement.LEAVE)
                self._held.discard(left.pop(0))
        finally:
            self._finished += left

    async def _renew_due(self, receiver: ServiceBusReceiver) -> None:
        now = time.monotonic()
        if now < self._next_renewal:
            return
        await all_of(self._renew(receiver, held) for held in list(self._held) if held.renew_at <= now)
        self._next_renewal = min((held.renew_at for held in self._held), default=math.inf)

    async def _renew(self, receiver: ServiceBusReceiver, held: _Held) -> None:
        try:
            await receiver.renew_message_lock(held.message)
        except (MessageLockLostError, MessageAlreadySettled):
            held.renew_at = math.inf
            _log.warning(
                "%s: the lock of message %s is lost while its call is under way: it is delivered again",
                self.function.name,
                held.message.sequence_number,
            )
        else:
            held.plan_renewal()
