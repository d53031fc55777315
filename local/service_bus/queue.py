"""A queue, the queue behind a subscription, or a dead-letter queue: peek-lock, settlement, expiry.

Semantics: https://learn.microsoft.com/azure/service-bus-messaging/message-transfers-locks-settlement and its siblings
on expiration, deferral, dead-letter queues and auto-forwarding.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.service_bus.config import EntitySettings
from local.service_bus.consumers import Consumer
from local.service_bus.destination import MAX_HOPS, Destination, Surroundings
from local.service_bus.errors import ARGUMENT_ERROR, MESSAGE_NOT_FOUND, ServiceBusError
from local.service_bus.locks import LockTable
from local.service_bus.message import DEFERRED, READY, Message
from local.service_bus.timers import DueHeap

DEAD_LETTER_SUFFIX = "/$DeadLetterQueue"
MAX_PROPERTIES_BYTES = 64 * 1024
"""Encoded size of all application properties (Service Bus quotas)."""
_SWEEP_FROM = 1024


class Queue(Destination):
    """Holds messages and hands them to consumers, oldest sequence number first, one consumer after the other.

    Args:
        parent: the queue whose dead-letter queue this is. There, messages neither expire nor run out of deliveries.
    """

    def __init__(
        self, broker: Surroundings, name: str, settings: EntitySettings, parent: "Queue | None" = None
    ) -> None:
        super().__init__(broker, name, settings)
        self.parent = parent
        self.dead_letters: Queue | None = None
        if parent is None:
            # Sub-queues take over the lock duration and nothing else.
            own = EntitySettings(lock_duration_ms=settings.lock_duration_ms)
            self.dead_letters = Queue(broker, name + DEAD_LETTER_SUFFIX, own, self)
        self.locks = LockTable(broker.store, self._clock_ms)
        self._ready: list[int] = []
        self._consumers: deque[Consumer] = deque()
        self._expiries: DueHeap[int] = DueHeap(
            lambda: ((m.expires_ms, m.sequence_number) for m in self.messages.values() if m.expires_ms)
        )

    # Taking in

    def admit(self, message: Message, now_ms: int, hops: int) -> None:
        if self.settings.forward_to:
            self._forward(message, self.settings.forward_to, now_ms, hops)
            return
        self._limit_ttl(message)
        message.expires_ms = now_ms + message.ttl_ms if message.ttl_ms else 0
        self._insert(message)

    def _insert(self, message: Message) -> None:
        message.state = READY
        self.messages[message.sequence_number] = message
        self._store.put(self.stored, message)
        if message.expires_ms:
            self._expiries.push(message.expires_ms, message.sequence_number)
            self._alarm.set(message.expires_ms)
        self._make_ready(message)

    def _forward(self, message: Message, target: str, now_ms: int, hops: int) -> None:
        if hops >= MAX_HOPS:
            self._bury(message, "MaxTransferHopCountExceeded", f"The message was forwarded {MAX_HOPS} times.")
        else:
            self._broker.destination(target).enter(message, now_ms, hops + 1)

    # Handing out

    def subscribe(self, consumer: Consumer) -> None:
        """Put a consumer in line; it leaves when it wants no more, and has to come again."""
        if not consumer.waiting:
            consumer.waiting = True
            self._consumers.append(consumer)
        self._broker.turn.soon(self.pump)

    def unsubscribe(self, consumer: Consumer) -> None:
        """Take a consumer out of line. What it holds stays locked until the locks expire."""
        if consumer.waiting:
            consumer.waiting = False
            self._consumers.remove(consumer)

    def _make_ready(self, message: Message) -> None:
        message.state = READY
        self._push_ready(self._ready, message)
        if self._consumers:
            self._broker.turn.soon(self.pump)

    def _push_ready(self, heap: list[int], message: Message) -> None:
        # Expired messages leave their numbers behind; without consumers nothing else takes them out.
        if len(heap) > 2 * len(self.messages) + _SWEEP_FROM:
            heap[:] = sorted(number for number in heap if number in self.messages)
        heapq.heappush(heap, message.sequence_number)

    def pump(self) -> None:
        """Hand out messages while there are some and consumers want them."""
        consumers, now_ms = self._consumers, self._clock_ms()
        while consumers and self._ready:
            consumer = consumers[0]
            if not consumer.wants_message():
                consumers.popleft().waiting = False
                continue
            message = self._take_ready(self._ready, now_ms)
            if message is None:
                return
            consumers.rotate(-1)
            self.hand_out(message, consumer, now_ms + self.settings.lock_duration_ms)

    def _take_ready(self, heap: list[int], now_ms: int) -> Message | None:
        while heap:
            message = self.messages.get(heapq.heappop(heap))
            if message is None or message.state != READY:
                continue
            if message.expires_ms and message.expires_ms <= now_ms:
                self._expire(message)
                continue
            return message
        return None

    def hand_out(self, message: Message, consumer: Consumer, until_ms: int) -> None:
        if consumer.receive_and_delete:
            self.remove(message)
        else:
            self.lock(message, until_ms)
        consumer.deliver(message)

    def lock(self, message: Message, until_ms: int | None = None) -> bytes:
        """Lock a message, for the lock duration where no end is given. Returns the lock tag."""
        end_ms = until_ms or self._clock_ms() + self.settings.lock_duration_ms
        self._alarm.set(end_ms)
        return self.locks.lock(message, end_ms)

    def locked_message(self, tag: bytes) -> Message:
        """The message behind a lock.

        Raises:
            ServiceBusError: the lock is lost.
        """
        return self.locks.get(tag)

    def renew(self, messages: Sequence[Message]) -> list[int]:
        """Let locks last for the lock duration from now. Returns when they end, in milliseconds."""
        until_ms = self._clock_ms() + self.settings.lock_duration_ms
        self.locks.extend(messages, until_ms)
        return [until_ms] * len(messages)

    # Settling

    def remove(self, message: Message) -> None:
        """Delete a message: it was completed, received and deleted, or expired."""
        self.locks.unlock(message)
        del self.messages[message.sequence_number]
        self._store.delete(message)

    def release(self, message: Message) -> None:
        """Put a message back as if it had not been delivered."""
        self.locks.unlock(message)
        self._return(message)

    def abandon(self, message: Message, properties: Mapping[str, Any] | None = None) -> None:
        """Put a message back after a failed delivery; after the last allowed one, dead-letter it."""
        self._modify(message, properties)
        self.locks.unlock(message)
        message.delivery_count += 1
        if self.parent is None and message.delivery_count >= self.settings.max_delivery_count:
            text = f"Message could not be consumed after {message.delivery_count} delivery attempts."
            self.dead_letter(message, "MaxDeliveryCountExceeded", text)
            return
        self._store.put(self.stored, message)
        self._return(message)

    def defer(self, message: Message, properties: Mapping[str, Any] | None = None) -> None:
        """Set a message aside: from now on only take_deferred() gets it."""
        self._modify(message, properties)
        self.locks.unlock(message)
        message.state, message.deferred = DEFERRED, True
        message.delivery_count += 1
        self._store.put(self.stored, message)

    def dead_letter(
        self,
        message: Message,
        reason: str | None,
        description: str | None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Move a message to the dead-letter queue, or where dead letters are forwarded."""
        self._modify(message, properties)
        self.locks.unlock(message)
        del self.messages[message.sequence_number]
        self._store.delete(message)
        self._bury(message, reason, description)

    def _bury(self, message: Message, reason: str | None, description: str | None) -> None:
        details = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        message.add_application_properties({key: value for key, value in details.items() if value is not None})
        if self.settings.forward_dead_lettered_to:
            message.set_dead_letter_source(self.name)
            self._broker.destination(self.settings.forward_dead_lettered_to).enter(message, self._clock_ms(), 1)
            return
        message.expires_ms, message.deferred = 0, False
        (self.dead_letters or self)._insert(message)

    def _modify(self, message: Message, properties: Mapping[str, Any] | None) -> None:
        if not properties:
            return
        before = message.application_properties
        message.add_application_properties(properties)
        if len(message.application_properties) > MAX_PROPERTIES_BYTES:
            message.application_properties = before
            raise ServiceBusError(ARGUMENT_ERROR, f"Message properties exceed {MAX_PROPERTIES_BYTES} bytes.")

    def _return(self, message: Message) -> None:
        if message.expires_ms and message.expires_ms <= self._clock_ms():
            self._expire(message)
        elif message.deferred:
            message.state = DEFERRED
        else:
            self._make_ready(message)

    # Looking

    def deferred_messages(self, sequence_numbers: Sequence[int], session_id: str | None) -> list[Message]:
        """Deferred messages that nobody holds, of one session where one is given.

        Raises:
            ServiceBusError: one is not here, not deferred, locked, or of another session.
        """
        messages = []
        for number in dict.fromkeys(sequence_numbers):
            message = self.messages.get(number)
            if message is None or message.state != DEFERRED or session_id not in (None, message.session_id):
                raise ServiceBusError(MESSAGE_NOT_FOUND, "Failed to lock one or more specified messages.", 404)
            messages.append(message)
        return messages

    def peek(self, from_number: int, count: int, session_id: str | None) -> list[Message]:
        """Up to `count` messages in any state, in the order of their numbers, from a number on."""
        candidates = (
            m
            for number, m in self.messages.items()
            if number >= from_number and (session_id is None or m.session_id == session_id)
        )
        return heapq.nsmallest(count, candidates, key=lambda m: m.sequence_number)

    # Time

    def _expire(self, message: Message) -> None:
        if self.settings.dead_letter_expired:
            self.dead_letter(message, "TTLExpiredException", "The message expired and was dead lettered.")
        else:
            self.remove(message)

    def _run_due(self, now_ms: int) -> None:
        super()._run_due(now_ms)
        for message in self.locks.pop_ended(now_ms):
            self.abandon(message)
        for number in self._expiries.pop_due(now_ms):
            expiring = self.messages.get(number)
            # A locked message may be settled after its time; it expires when it comes back.
            if expiring and expiring.state in (READY, DEFERRED) and 0 < expiring.expires_ms <= now_ms:
                self._expire(expiring)

    def _deadlines(self) -> Iterator[int | None]:
        yield from super()._deadlines()
        yield self.locks.next_due_ms
        yield self._expiries.next_due_ms

    def restore(self, message: Message) -> None:
        super().restore(message)
        if message.expires_ms:
            self._expiries.push(message.expires_ms, message.sequence_number)
            self._alarm.set(message.expires_ms)
        if message.lock_tag:
            self.locks.restore(message)
            self._alarm.set(message.locked_until_ms)
        elif message.state == READY and self.settings.forward_to:
            # It waited here before the configuration had it forwarded.
            self.remove(message)
            self._forward(message, self.settings.forward_to, self._clock_ms(), 0)
        elif message.state == READY:
            self._make_ready(message)
