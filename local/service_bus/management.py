"""The operations of an entity's management node, by name.

Names and fields: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response
Not emulated: rules (add, remove, enumerate), batch deletion, transactions.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from local.service_bus.consumers import MessageSession
from local.service_bus.destination import Destination
from local.service_bus.encode import (
    encode,
    encoded_list,
    int32,
    long_array,
    string_array,
    timestamp,
    timestamp_array,
)
from local.service_bus.errors import ARGUMENT_ERROR, NOT_ALLOWED, NOT_IMPLEMENTED, ServiceBusError
from local.service_bus.message import Message
from local.service_bus.message_parser import parse_message
from local.service_bus.queue import Queue
from local.service_bus.session_queue import SessionQueue
from local.service_bus.settlement import dead_letter_text, properties_of

MAX_PEEKED = 250
"""Messages in one reply to a peek (as the cloud's service does it)."""
MAX_PEEKED_BYTES = 1024 * 1024
_PREFIX = "com.microsoft:"
# The year 10000 stands for "all sessions", else only those whose state was set after the time are listed.
_ALL_SESSIONS_MS = 253_402_300_800_000
_RECEIVE_AND_DELETE = 0


class Request:
    """One request: the entity, and typed access to the fields of the body."""

    def __init__(self, entity: Destination, body: Any, link_name: str | None) -> None:
        if not isinstance(body, dict):
            raise ServiceBusError(ARGUMENT_ERROR, "The request's body is no map.")
        self.entity = entity
        self._body = body
        self._link_name = link_name

    @property
    def queue(self) -> Queue:
        if not isinstance(self.entity, Queue):
            raise ServiceBusError(NOT_ALLOWED, "The operation is not available on a topic.")
        return self.entity

    @property
    def sessions(self) -> SessionQueue:
        if not isinstance(self.entity, SessionQueue):
            raise ServiceBusError(NOT_ALLOWED, "The operation needs an entity that requires sessions.")
        return self.entity

    def field[T](self, name: str, kind: type[T]) -> T:
        value = self._body.get(name)
        if type(value) is not kind:
            raise ServiceBusError(ARGUMENT_ERROR, f"The field {name} of the request is missing or has a wrong type.")
        return value

    def optional[T](self, name: str, kind: type[T]) -> T | None:
        return None if self._body.get(name) is None else self.field(name, kind)

    def items[T](self, name: str, kind: type[T]) -> list[T]:
        values = self.field(name, list)
        if not all(type(value) is kind for value in values):
            raise ServiceBusError(ARGUMENT_ERROR, f"The field {name} of the request has items of a wrong type.")
        return values

    def locked_messages(self) -> list[Message]:
        """The messages behind the lock tokens.

        Raises:
            ServiceBusError: one of the locks is lost.
        """
        tokens = dict.fromkeys(self.items("lock-tokens", UUID))
        return [self.queue.locked_message(token.bytes_le) for token in tokens]

    def session(self) -> MessageSession:
        """The session that the request is about, which the client must hold."""
        return self.sessions.held_session(self.field("session-id", str), self._link_name)

    def body(self) -> dict[Any, Any]:
        return self._body


def run_operation(entity: Destination, name: str, body: Any, link_name: str | None) -> dict[str, Any] | None:
    """Carry out one operation.

    Args:
        name: such as "com.microsoft:peek-message".
        link_name: the client's receiver link that the request belongs to, where it says so.

    Returns:
        The reply's body; None where there is nothing to tell.

    Raises:
        ServiceBusError: it failed.
        CodecError: a message in the request is malformed.
    """
    operation = _OPERATIONS.get(name.removeprefix(_PREFIX))
    if operation is None:
        raise ServiceBusError(NOT_IMPLEMENTED, f"The operation {name!r} is not emulated.", 501)
    return operation(Request(entity, body, link_name))


def _schedule(request: Request) -> dict[str, Any]:
    messages = []
    for item in request.items("messages", dict):
        data = item.get("message")
        if not isinstance(data, bytes):
            raise ServiceBusError(ARGUMENT_ERROR, "An item of the field messages has no message.")
        messages.append(parse_message(data))
    return {"sequence-numbers": long_array(request.entity.send(messages))}


def _cancel(request: Request) -> dict[str, Any]:
    request.entity.cancel_scheduled(request.items("sequence-numbers", int))
    return {}


def _peek(request: Request) -> dict[str, Any] | None:
    count = min(max(request.field("message-count", int), 0), MAX_PEEKED)
    start, session_id = request.field("from-sequence-number", int), request.optional("session-id", str)
    items: list[bytes] = []
    size = 0
    for message in request.queue.peek(start, count, session_id):
        data = message.encode(peek=True)
        size += len(data)
        if items and size > MAX_PEEKED_BYTES:
            break
        items.append(encode({"message": data}))
    return {"messages": encoded_list(items)} if items else None


def _renew(request: Request) -> dict[str, Any]:
    messages = request.locked_messages()
    return {"expirations": timestamp_array(request.queue.renew(messages))}


def _receive_deferred(request: Request) -> dict[str, Any]:
    queue = request.queue
    session = request.session() if isinstance(queue, SessionQueue) else None
    numbers = request.items("sequence-numbers", int)
    messages = queue.deferred_messages(numbers, session.id if session else None)
    items = []
    for message in messages:
        if request.optional("receiver-settle-mode", int) == _RECEIVE_AND_DELETE:
            items.append(encode({"message": message.encode()}))
            queue.remove(message)
        else:
            tag = queue.lock(message, session.locked_until_ms if session else None)
            items.append(encode({"message": message.encode(), "lock-token": UUID(bytes_le=tag)}))
    return {"messages": encoded_list(items)}


def _update_disposition(request: Request) -> dict[str, Any]:
    queue, status = request.queue, request.field("disposition-status", str)
    properties = properties_of(request.body().get("properties-to-modify"))
    reason = dead_letter_text(request.optional("deadletter-reason", str))
    description = dead_letter_text(request.optional("deadletter-description", str))
    settle: dict[str, Callable[[Message], None]] = {
        "completed": queue.remove,
        "abandoned": lambda message: queue.abandon(message, properties),
        "defered": lambda message: queue.defer(message, properties),
        "suspended": lambda message: queue.dead_letter(message, reason, description, properties),
    }
    if status not in settle:
        raise ServiceBusError(ARGUMENT_ERROR, f"The disposition status {status!r} is unknown.")
    for message in request.locked_messages():
        settle[status](message)
    return {}


def _renew_session(request: Request) -> dict[str, Any]:
    return {"expiration": timestamp(request.sessions.renew_session(request.session()))}


def _get_session_state(request: Request) -> dict[str, Any]:
    return {"session-state": request.session().state}


def _set_session_state(request: Request) -> dict[str, Any]:
    request.sessions.set_session_state(request.session(), request.optional("session-state", bytes))
    return {}


def _list_sessions(request: Request) -> dict[str, Any] | None:
    after_ms = request.optional("last-updated-time", int)
    found = request.sessions.session_ids(None if after_ms is None or after_ms >= _ALL_SESSIONS_MS else after_ms)
    skip, top = max(request.field("skip", int), 0), max(request.field("top", int), 0)
    page = found[skip : skip + top]
    return {"skip": int32(skip + len(page)), "sessions-ids": string_array(page)} if page else None


_OPERATIONS: dict[str, Callable[[Request], dict[str, Any] | None]] = {
    "schedule-message": _schedule,
    "cancel-scheduled-message": _cancel,
    "peek-message": _peek,
    "renew-lock": _renew,
    "receive-by-sequence-number": _receive_deferred,
    "update-disposition": _update_disposition,
    "renew-session-lock": _renew_session,
    "get-session-state": _get_session_state,
    "set-session-state": _set_session_state,
    "get-message-sessions": _list_sessions,
}
