"""A queue that requires sessions: one consumer at a time holds a session and gets its messages in order.

Semantics: https://learn.microsoft.com/azure/service-bus-messaging/message-sessions
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from local.service_bus.config import EntitySettings
from local.service_bus.consumers import Consumer, MessageSession, SessionConsumer
from local.service_bus.destination import Surroundings
from local.service_bus.errors import NOT_ALLOWED, SESSION_CANNOT_BE_LOCKED, ServiceBusError, session_lock_lost
from local.service_bus.message import READY, SCHEDULED, Message
from local.service_bus.queue import Queue
from local.service_bus.timers import DueHeap


class SessionQueue(Queue):
    """Locks sessions instead of single messages; a message's lock ends with that of its session.

    A session's lock belongs to its consumer's link and ends with it. Its state stays.
    """

    def __init__(self, broker: Surroundings, name: str, settings: EntitySettings) -> None:
        super().__init__(broker, name, settings)
        self._sessions: dict[str, MessageSession] = {}
        self._held: dict[Consumer, MessageSession] = {}
        self._available: OrderedDict[str, MessageSession] = OrderedDict()
        """Sessions that nobody holds and that may have messages ready, longest available first."""
        self._to_feed: dict[MessageSession, None] = {}
        self._waiting: dict[SessionConsumer, int] = {}
        """Consumers that wait for any session, and until when, in milliseconds."""
        self._session_ends: DueHeap[str] = DueHeap(
            lambda: ((session.locked_until_ms, session.id) for session in self._held.values())
        )

    def send(self, messages: Sequence[Message]) -> list[int]:
        if any(message.session_id is None for message in messages):
            raise ServiceBusError(
                NOT_ALLOWED,
                "The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have"
                " session support enabled can only receive messages that have the SessionId set to a valid value.",
            )
        return super().send(messages)

    def admit(self, message: Message, now_ms: int, hops: int) -> None:
        if message.session_id is None:  # It was forwarded here.
            text = "Session enabled entity doesn't allow a message whose session identifier is null."
            self._bury(message, "Session ID is null", text)
        else:
            super().admit(message, now_ms, hops)

    # Holding sessions

    def accept(self, consumer: SessionConsumer, session_id: str | None, timeout_ms: int) -> None:
        """Give a consumer a session: this one, or where None is asked for, the next that has messages and is free.

        Args:
            timeout_ms: how long to wait for the next session.

        Raises:
            ServiceBusError: another consumer holds the session that is asked for.
        """
        if session_id is not None:
            session = self._session(session_id)
            if session.holder:
                text = f"The requested session '{session_id}' cannot be accepted. It may be locked by another receiver."
                raise ServiceBusError(SESSION_CANNOT_BE_LOCKED, text)
            self._grant(session, consumer)
            return
        until_ms = self._clock_ms() + timeout_ms
        self._waiting[consumer] = until_ms
        self._alarm.set(until_ms)
        self._broker.turn.soon(self.pump)

    def _session(self, session_id: str) -> MessageSession:
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = MessageSession(session_id)
        return session

    def _grant(self, session: MessageSession, consumer: SessionConsumer) -> None:
        self._available.pop(session.id, None)
        self._held[consumer] = session
        session.holder = consumer
        session.locked_until_ms = self._clock_ms() + self.settings.lock_duration_ms
        self._session_ends.push(session.locked_until_ms, session.id)
        self._alarm.set(session.locked_until_ms)
        consumer.session_granted(session)

    def _free(self, session: MessageSession) -> None:
        if session.holder:
            del self._held[session.holder]
        session.holder = None
        for message in self.locks.of_session(session.id):
            self.abandon(message)
        if session.ready:
            self._offer(session)
        elif session.state is None:
            del self._sessions[session.id]

    def held_session(self, session_id: str, link_name: str | None) -> MessageSession:
        """The session, which the link of this name holds; any link where no name is given.

        Raises:
            ServiceBusError: its lock is lost.
        """
        session = self._sessions.get(session_id)
        if session is None or session.holder is None or link_name not in (None, session.holder.name):
            raise session_lock_lost()
        return session

    def locked_message(self, tag: bytes) -> Message:
        try:
            return super().locked_message(tag)
        except ServiceBusError:
            raise session_lock_lost() from None

    def renew_session(self, session: MessageSession) -> int:
        """Let a session lock last for the lock duration from now. Returns when it ends, in milliseconds."""
        session.locked_until_ms = self._clock_ms() + self.settings.lock_duration_ms
        self.locks.extend(self.locks.of_session(session.id), session.locked_until_ms)
        return session.locked_until_ms

    def set_session_state(self, session: MessageSession, state: bytes | None) -> None:
        session.state, session.state_updated_ms = state, self._clock_ms()
        self._store.set_session_state(self.stored, session.id, state, session.state_updated_ms)

    def restore_session(self, session_id: str, state: bytes, updated_ms: int) -> None:
        """Take in a session state that the store has."""
        session = self._session(session_id)
        session.state, session.state_updated_ms = state, updated_ms

    def session_ids(self, updated_after_ms: int | None) -> list[str]:
        """Sessions whose state was set after a time; where None is asked for, all with messages or a state."""
        if updated_after_ms is not None:
            found = {s.id for s in self._sessions.values() if s.state_updated_ms > updated_after_ms}
        else:
            found = {s.id for s in self._sessions.values() if s.state is not None}
            found |= {m.session_id or "" for m in self.messages.values() if m.state != SCHEDULED}
        return sorted(found)

    # Handing out

    def subscribe(self, consumer: Consumer) -> None:
        session = self._held.get(consumer)
        if session:
            self._to_feed[session] = None
            self._broker.turn.soon(self.pump)

    def unsubscribe(self, consumer: Consumer) -> None:
        """Take away a consumer's session, or its wait for one."""
        self._waiting = {waiting: until_ms for waiting, until_ms in self._waiting.items() if waiting is not consumer}
        session = self._held.get(consumer)
        if session:
            self._free(session)

    def _make_ready(self, message: Message) -> None:
        message.state = READY
        session = self._session(message.session_id or "")
        self._push_ready(session.ready, message)
        if session.holder:
            self._to_feed[session] = None
            self._broker.turn.soon(self.pump)
        else:
            self._offer(session)

    def _offer(self, session: MessageSession) -> None:
        self._available[session.id] = session
        if self._waiting:
            self._broker.turn.soon(self.pump)

    def pump(self) -> None:
        now_ms = self._clock_ms()
        while self._waiting and self._available:
            _, session = self._available.popitem(last=False)
            if self._has_ready(session, now_ms):
                consumer = next(iter(self._waiting))
                del self._waiting[consumer]
                self._grant(session, consumer)
        to_feed, self._to_feed = self._to_feed, {}
        for session in to_feed:
            self._feed(session, now_ms)

    def _has_ready(self, session: MessageSession, now_ms: int) -> bool:
        message = self._take_ready(session.ready, now_ms)
        if message:
            self._push_ready(session.ready, message)
        return message is not None

    def _feed(self, session: MessageSession, now_ms: int) -> None:
        while session.holder and session.holder.wants_message():
            message = self._take_ready(session.ready, now_ms)
            if message is None:
                return
            self.hand_out(message, session.holder, session.locked_until_ms)

    # Time

    def _run_due(self, now_ms: int) -> None:
        for session_id in self._session_ends.pop_due(now_ms):
            session = self._sessions.get(session_id)
            if session is None or session.holder is None:
                continue
            if session.locked_until_ms > now_ms:  # It was renewed.
                self._session_ends.push(session.locked_until_ms, session_id)
                continue
            holder = session.holder
            self._free(session)
            holder.session_lost()
        super()._run_due(now_ms)
        for consumer in [consumer for consumer, until_ms in self._waiting.items() if until_ms <= now_ms]:
            del self._waiting[consumer]
            consumer.session_timed_out()

    def _deadlines(self) -> Iterator[int | None]:
        yield from super()._deadlines()
        yield self._session_ends.next_due_ms
        yield min(self._waiting.values(), default=None)

    def restore(self, message: Message) -> None:
        super().restore(message)
        if message.lock_tag:
            # The link that held the session ended with the process.
            self.abandon(message)
