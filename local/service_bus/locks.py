"""The locks on the messages of one queue."""

import os
from collections.abc import Callable, Iterable

from local.service_bus.errors import message_lock_lost
from local.service_bus.message import LOCKED, Message
from local.service_bus.persistence import Store
from local.service_bus.timers import DueHeap


class LockTable:
    """Which messages are locked, by tag, and until when. Locks outlive connections and restarts of the broker."""

    def __init__(self, store: Store, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._by_tag: dict[bytes, Message] = {}
        self._ends: DueHeap[bytes] = DueHeap(lambda: ((m.locked_until_ms, tag) for tag, m in self._by_tag.items()))

    @property
    def next_due_ms(self) -> int | None:
        return self._ends.next_due_ms

    def lock(self, message: Message, until_ms: int) -> bytes:
        """Lock a message under a new tag: the 16 bytes of its delivery tag, the lock token's `bytes_le`."""
        tag = os.urandom(16)
        message.state, message.lock_tag, message.locked_until_ms = LOCKED, tag, until_ms
        self._store.lock_changed(message)
        self.restore(message)
        return tag

    def restore(self, message: Message) -> None:
        """Take in a message that is locked already."""
        if message.lock_tag:
            self._by_tag[message.lock_tag] = message
            self._ends.push(message.locked_until_ms, message.lock_tag)

    def unlock(self, message: Message) -> None:
        """End a lock, if there is one, and the delivery that holds it."""
        if message.lock_tag is None:
            return
        del self._by_tag[message.lock_tag]
        message.lock_tag = None
        if message.delivery:
            deliveries, delivery_id = message.delivery
            deliveries.pop(delivery_id, None)
            message.delivery = None
        self._store.lock_changed(message)

    def get(self, tag: bytes) -> Message:
        """The message behind a lock.

        Raises:
            ServiceBusError: the lock is lost.
        """
        message = self._by_tag.get(tag)
        if message is None or message.locked_until_ms <= self._clock_ms():
            raise message_lock_lost()
        return message

    def of_session(self, session_id: str) -> list[Message]:
        """The locked messages of one session."""
        return [message for message in self._by_tag.values() if message.session_id == session_id]

    def extend(self, messages: Iterable[Message], until_ms: int) -> None:
        for message in messages:
            message.locked_until_ms = until_ms
            self._store.lock_changed(message)

    def pop_ended(self, now_ms: int) -> list[Message]:
        """Messages whose lock has just ended; they are still to be unlocked."""
        ended = []
        for tag in self._ends.pop_due(now_ms):
            message = self._by_tag.get(tag)
            if message is None:
                continue
            if message.locked_until_ms > now_ms:  # It was renewed.
                self._ends.push(message.locked_until_ms, tag)
            else:
                ended.append(message)
        return ended
