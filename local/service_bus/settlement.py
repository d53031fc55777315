"""What receivers say of their deliveries: complete, abandon, defer, dead-letter, release.

The Python SDK settles in two steps and waits for the answer: role sender, settled, and the same outcome again. An
answer "rejected" must carry an error where a lock was lost, and none where it confirms a dead-lettering.
"""

from typing import Any

from local.service_bus.amqp_types import CodecError, Described
from local.service_bus.encode import encode
from local.service_bus.errors import (
    ARGUMENT_ERROR,
    INVALID_FIELD,
    ProtocolError,
    ServiceBusError,
    described_error,
    message_lock_lost,
    rejected,
)
from local.service_bus.message import Message
from local.service_bus.performatives import ACCEPTED, MODIFIED, REJECTED, RELEASED, Disposition, outcome_frame
from local.service_bus.ports import SessionPort
from local.service_bus.queue import Queue

MAX_RANGE = 2048
"""Deliveries that one disposition may settle."""
MAX_REASON_LENGTH = 4096
"""Characters of the reason and of the description of a dead letter (Service Bus)."""
_WRAP = 0xFFFFFFFF
_CONFIRMED = {code: encode(Described(code, [])) for code in (ACCEPTED, REJECTED, RELEASED, MODIFIED)}


def on_disposition(session: SessionPort, disposition: Disposition) -> None:
    """Apply a disposition of the peer and answer it.

    Raises:
        ProtocolError: it spans too many deliveries.
    """
    state = disposition.state
    if not disposition.peer_receives or state is None or state.descriptor not in _CONFIRMED:
        return  # About messages that it sent, which are settled already; or not an outcome yet.
    first = disposition.first
    last = first if disposition.last is None else disposition.last
    span = ((last - first) & _WRAP) + 1
    if span > MAX_RANGE:
        raise ProtocolError(INVALID_FIELD, f"a disposition spans {span} deliveries; the limit is {MAX_RANGE}")
    for offset in range(span):
        delivery_id = (first + offset) & _WRAP
        answer = _settle(session, delivery_id, state)
        if not disposition.settled:
            session.connection.write(outcome_frame(session.channel, True, delivery_id, answer))


def _settle(session: SessionPort, delivery_id: int, state: Described) -> bytes:
    try:
        entry = session.deliveries.pop(delivery_id, None)
        if entry is None:
            raise message_lock_lost()
        queue, tag = entry
        _apply(queue, queue.locked_message(tag), state)
    except ServiceBusError as error:
        return encode(rejected(error))
    except CodecError as error:
        return encode(rejected(ServiceBusError(ARGUMENT_ERROR, f"A property can't be set: {error}.")))
    return _CONFIRMED[state.descriptor]


def _apply(queue: Queue, message: Message, state: Described) -> None:
    fields: list[Any] = [*(state.value if isinstance(state.value, list) else []), None, None, None]
    if state.descriptor == ACCEPTED:
        queue.remove(message)
    elif state.descriptor == RELEASED:
        queue.release(message)
    elif state.descriptor == REJECTED:
        _, description, info = described_error(fields[0])
        details = properties_of(info)
        reason = dead_letter_text(details.pop("DeadLetterReason", None))
        text = dead_letter_text(details.pop("DeadLetterErrorDescription", description))
        queue.dead_letter(message, reason, text, details)
    else:
        _, undeliverable_here, annotations = fields[:3]
        settle = queue.defer if undeliverable_here else queue.abandon
        settle(message, properties_of(annotations))


def properties_of(value: Any) -> dict[str, Any]:
    """Application properties to set, from a map that a peer sent."""
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def dead_letter_text(value: Any) -> str | None:
    """The reason or description of a dead letter.

    Raises:
        ServiceBusError: it is too long.
    """
    text = None if value is None else str(value)
    if text and len(text) > MAX_REASON_LENGTH:
        raise ServiceBusError(ARGUMENT_ERROR, f"A reason or description exceeds {MAX_REASON_LENGTH} characters.")
    return text
