"""Reading the messages that senders write, and the batches and requests built from the same sections.

Section 3.2 of AMQP 1.0 has the sections; Service Bus adds the batch format.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from local.service_bus.amqp_types import CodecError, Symbol
from local.service_bus.decode import binary_end, decode, raw_items
from local.service_bus.encode import NULL, encode, encoded_list
from local.service_bus.message import Message

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = range(0x70, 0x75)
DATA, SEQUENCE, VALUE, FOOTER = range(0x75, 0x79)

MAX_ID_LENGTH = 128
"""Characters of a message id or session id (Service Bus quotas)."""

_SCHEDULED_TIME = "x-opt-scheduled-enqueue-time"
# Written by the broker: a sender's values are dropped.
_BROKER_ANNOTATIONS = frozenset(
    {
        "x-opt-sequence-number",
        "x-opt-enqueued-time",
        "x-opt-locked-until",
        "x-opt-message-state",
        "x-opt-lock-token",
        "x-opt-enqueue-sequence-number",
        "x-opt-deadletter-source",
    }
)
_SECTION_START = b"\x00\x53"
_ANY_ID = (str, int, UUID, bytes)
# Section 3.2.4 of AMQP 1.0. Receivers trust these types, so a message that breaks them must not reach one.
_PROPERTY_TYPES: tuple[tuple[type, ...], ...] = (
    _ANY_ID,
    (bytes,),
    (str,),
    (str,),
    (str,),
    _ANY_ID,
    (Symbol, str),
    (Symbol, str),
    (int,),
    (int,),
    (str,),
    (int,),
    (str,),
)
_SESSION_ID = 10


def parse_message(data: bytes) -> Message:
    """A message from the bytes of its sections.

    Every section is decoded in full although most are then passed on as they came: a receiver's SDK must never see
    bytes that it can't decode. Delivery annotations concern this hop only and are dropped.

    Raises:
        CodecError: a section is malformed, of an unknown kind, or has a field of a wrong type.
    """
    message = Message()
    body: list[bytes] = []
    position, end = 0, len(data)
    while position < end:
        code, start = _section(data, position)
        if code == DATA:
            stop = binary_end(data, start)
            body.append(_SECTION_START + bytes((code,)) + data[start:stop])
            position = stop
            continue
        value, stop = decode(data, start)
        if code == PROPERTIES:
            _read_properties(message, value)
            message.properties = b"\x00\x53\x73" + data[start:stop]
        elif code == APPLICATION_PROPERTIES:
            _check_keys(value, (str,))
            message.application_properties = b"\x00\x53\x74" + data[start:stop]
        elif code == HEADER:
            _read_header(message, value, raw_items(data, start))
        elif code == ANNOTATIONS:
            _check_keys(value, (Symbol, str, int))
            _read_annotations(message, value, raw_items(data, start))
        elif code in (SEQUENCE, VALUE, FOOTER):
            body.append(_SECTION_START + bytes((code,)) + data[start:stop])
        elif code != DELIVERY_ANNOTATIONS:
            raise CodecError(f"unknown message section 0x{code:02x}")
        position = stop
    message.body = b"".join(body)
    if not message.message_id:
        _assign_id(message)
    return message


def batch_items(data: bytes) -> Iterator[bytes]:
    """The encoded messages of a batch (message format 0x80013700): one per data section.

    Raises:
        CodecError: a section is malformed.
    """
    position, end = 0, len(data)
    while position < end:
        code, start = _section(data, position)
        if code == DATA:
            stop = binary_end(data, start)
            yield data[start + (2 if data[start] == 0xA0 else 5) : stop]
        else:
            _, stop = decode(data, start)
        position = stop


def read_sections(data: bytes) -> dict[int, Any]:
    """The decoded value of each section by its code, for requests to the management and token nodes.

    Raises:
        CodecError: a section is malformed.
    """
    sections: dict[int, Any] = {}
    position, end = 0, len(data)
    while position < end:
        code, start = _section(data, position)
        sections[code], position = decode(data, start)
    return sections


def _section(data: bytes, position: int) -> tuple[int, int]:
    if data.startswith(_SECTION_START, position) and position + 2 < len(data):
        return data[position + 2], position + 3
    if data[position] != 0:
        raise CodecError("a message section is expected")
    code, start = decode(data, position + 1)
    if type(code) is not int or not HEADER <= code <= FOOTER:
        raise CodecError("a message section has an unknown descriptor")
    return code, start


def _check_keys(value: Any, kinds: tuple[type, ...]) -> None:
    if type(value) is not dict or not all(type(key) in kinds for key in value):
        raise CodecError("a message section is no map with keys of the right type")


def _read_header(message: Message, value: Any, items: list[bytes]) -> None:
    if type(value) is not list or len(value) > 5:
        raise CodecError("the header is no list of up to five fields")
    ttl = value[2] if len(value) > 2 else None
    types = (bool, int, int, bool, int)
    if any(field is not None and type(field) is not kind for field, kind in zip(value, types, strict=False)):
        raise CodecError("a header field has a wrong type")
    message.header = b"".join((items + [NULL] * 4)[:4])
    if ttl is not None and not 0 <= ttl < 1 << 32:
        raise CodecError("the time to live is out of range")
    message.ttl_ms = ttl or 0


def _read_annotations(message: Message, value: dict[Any, Any], items: list[bytes]) -> None:
    scheduled = value.get(_SCHEDULED_TIME)
    if scheduled is not None:
        if type(scheduled) is not int:
            raise CodecError(f"{_SCHEDULED_TIME} is no timestamp")
        message.scheduled_ms = scheduled
    message.annotations = [
        part
        for key, item in zip(items[::2], items[1::2], strict=True)
        if decode(key)[0] not in _BROKER_ANNOTATIONS
        for part in (key, item)
    ]


def _read_properties(message: Message, value: Any) -> None:
    if type(value) is not list or len(value) > len(_PROPERTY_TYPES):
        raise CodecError("the properties are no list of up to 13 fields")
    for field, types in zip(value, _PROPERTY_TYPES, strict=False):
        if field is not None and type(field) not in types:
            raise CodecError("a message property has a wrong type")
    if value and value[0] is not None:
        identifier = value[0]
        message.message_id = identifier.hex() if type(identifier) is bytes else str(identifier)
    if len(value) > _SESSION_ID:
        message.session_id = value[_SESSION_ID]
    if len(message.message_id) > MAX_ID_LENGTH or len(message.session_id or "") > MAX_ID_LENGTH:
        raise CodecError(f"a message id or session id is longer than {MAX_ID_LENGTH} characters")


def _assign_id(message: Message) -> None:
    message.message_id = uuid4().hex
    items = raw_items(message.properties, 3) if message.properties else []
    message.properties = b"\x00\x53\x73" + encoded_list([encode(message.message_id), *items[1:]])
