"""What queues and topics share: they take messages, drop duplicates, and hold scheduled ones until their time."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from local.service_bus.config import EntitySettings
from local.service_bus.duplicates import DuplicateHistory
from local.service_bus.errors import MESSAGE_NOT_FOUND, ServiceBusError
from local.service_bus.message import SCHEDULED, Message
from local.service_bus.persistence import Store
from local.service_bus.timers import Alarm, DueHeap, Timers
from local.service_bus.turn import Turn

MAX_HOPS = 4
"""How often a message may be forwarded (Service Bus quotas)."""


class Surroundings(Protocol):
    """What an entity needs of the broker."""

    store: Store
    timers: Timers
    turn: Turn

    def destination(self, name: str) -> "Destination": ...


class Destination(ABC):
    """An entity that senders can attach to."""

    def __init__(self, broker: Surroundings, name: str, settings: EntitySettings) -> None:
        self.name = name
        self.settings = settings
        self.stored = broker.store.entity(name)
        self.messages: dict[int, Message] = {}
        """All messages here, in every state, by sequence number."""
        self._broker = broker
        self._store = broker.store
        self._clock_ms: Callable[[], int] = broker.timers.clock_ms
        self._history: DuplicateHistory | None = None
        if settings.duplicate_window_ms:
            self._history = DuplicateHistory(broker.store, self.stored, settings.duplicate_window_ms)
        self._scheduled: DueHeap[int] = DueHeap(
            lambda: ((m.scheduled_ms, m.sequence_number) for m in self.messages.values() if m.state == SCHEDULED)
        )
        self._alarm = Alarm(broker.timers, self._ring)

    @abstractmethod
    def admit(self, message: Message, now_ms: int, hops: int) -> None:
        """Take in a message that has its sequence number and is due."""

    def send(self, messages: Sequence[Message]) -> list[int]:
        """Take messages from a sender, all or none.

        Returns:
            Their sequence numbers; 0 for a duplicate, which is dropped. A scheduled message gets another number when
            its time comes.

        Raises:
            ServiceBusError: one may not be sent here; then none is taken.
        """
        now_ms = self._clock_ms()
        return [self._accept(message, now_ms) for message in messages]

    def _accept(self, message: Message, now_ms: int) -> int:
        if self._is_duplicate(message, now_ms):
            return 0
        number = self._store.next_sequence_number(self.stored)
        message.sequence_number = message.enqueued_sequence_number = number
        message.enqueued_ms = now_ms
        if message.scheduled_ms > now_ms:
            message.state = SCHEDULED
            self.messages[number] = message
            self._store.put(self.stored, message)
            self._scheduled.push(message.scheduled_ms, number)
            self._alarm.set(message.scheduled_ms)
        else:
            self.admit(message, now_ms, 0)
        return number

    def enter(self, message: Message, now_ms: int, hops: int) -> None:
        """Take in a message that another entity forwards."""
        if self._is_duplicate(message, now_ms):
            return
        message.sequence_number = self._store.next_sequence_number(self.stored)
        message.enqueued_ms = now_ms
        message.delivery_count = 0
        message.deferred = False
        self.admit(message, now_ms, hops)

    def _is_duplicate(self, message: Message, now_ms: int) -> bool:
        if self._history is None:
            return False
        duplicate = self._history.is_duplicate(message.message_id, now_ms)
        if not duplicate and self._history.next_due_ms:
            self._alarm.set(self._history.next_due_ms)
        return duplicate

    def cancel_scheduled(self, sequence_numbers: Sequence[int]) -> None:
        """Delete scheduled messages, all or none. Their ids stay in the duplicate history.

        Raises:
            ServiceBusError: one is not scheduled here (any more).
        """
        for number in sequence_numbers:
            message = self.messages.get(number)
            if message is None or message.state != SCHEDULED:
                raise ServiceBusError(MESSAGE_NOT_FOUND, f"The message {number} is not scheduled.", 404)
        for number in set(sequence_numbers):
            self._store.delete(self.messages.pop(number))

    def _limit_ttl(self, message: Message) -> None:
        most, own = self.settings.default_ttl_ms, message.ttl_ms
        if most and (not own or own > most):
            message.set_ttl(most)

    def _ring(self) -> int | None:
        self._run_due(self._clock_ms())
        return min((due_ms for due_ms in self._deadlines() if due_ms is not None), default=None)

    def _run_due(self, now_ms: int) -> None:
        for number in self._scheduled.pop_due(now_ms):
            message = self.messages.get(number)
            if message is None or message.state != SCHEDULED:
                continue
            del self.messages[number]
            self._store.delete(message)
            # It joins the tail like a message that is sent now.
            message.sequence_number = self._store.next_sequence_number(self.stored)
            message.enqueued_ms = now_ms
            self.admit(message, now_ms, 0)
        if self._history:
            self._history.sweep(now_ms)

    def _deadlines(self) -> Iterator[int | None]:
        yield self._scheduled.next_due_ms
        if self._history:
            yield self._history.next_due_ms

    def restore(self, message: Message) -> None:
        """Take in a message that the store has."""
        self.messages[message.sequence_number] = message
        if message.state == SCHEDULED:
            self._scheduled.push(message.scheduled_ms, message.sequence_number)
            self._alarm.set(message.scheduled_ms)

    def restore_duplicate(self, row: int, message_id: str, until_ms: int) -> None:
        """Take in an entry of the duplicate history; without effect where detection is now off."""
        if self._history:
            self._history.restore(row, message_id, until_ms)
            self._alarm.set(until_ms)
