"""The frames of AMQP 1.0: their fields, checked on the way in, and their bytes on the way out.

Section 2.7 of the specification has the tables; the order of fields here is theirs.
"""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from local.service_bus.amqp_types import CodecError, Described, Symbol
from local.service_bus.decode import decode
from local.service_bus.encode import encode, encoded_list, uint
from local.service_bus.errors import DECODE_ERROR, ProtocolError

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, _SASL_CHALLENGE, _SASL_RESPONSE, SASL_OUTCOME = range(0x40, 0x45)
AMQP_FRAME, SASL_FRAME = 0, 1

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"

SOURCE, TARGET = 0x28, 0x29
ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x24, 0x25, 0x26, 0x27

_FRAME_HEAD = struct.Struct(">IBBH")


class Open(NamedTuple):
    container_id: str
    hostname: str | None = None
    max_frame_size: int | None = None
    channel_max: int | None = None
    idle_timeout_ms: int | None = None


class Begin(NamedTuple):
    remote_channel: int | None
    next_outgoing_id: int
    incoming_window: int
    outgoing_window: int


class Attach(NamedTuple):
    name: str
    handle: int
    peer_receives: bool
    sender_settle_mode: int | None = None
    receiver_settle_mode: int | None = None
    source: Described | None = None
    target: Described | None = None
    unsettled: dict[Any, Any] | None = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: int | None = None
    max_message_size: int | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Any, Any] | None = None


class Flow(NamedTuple):
    next_incoming_id: int | None
    incoming_window: int
    next_outgoing_id: int
    outgoing_window: int
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool | None = None
    echo: bool | None = None


class Transfer(NamedTuple):
    handle: int
    delivery_id: int | None = None
    delivery_tag: bytes | None = None
    message_format: int | None = None
    settled: bool | None = None
    more: bool | None = None
    receiver_settle_mode: int | None = None
    state: Described | None = None
    resume: bool | None = None
    aborted: bool | None = None


class Disposition(NamedTuple):
    peer_receives: bool
    first: int
    last: int | None = None
    settled: bool | None = None
    state: Described | None = None


class Detach(NamedTuple):
    handle: int
    closed: bool | None = None


class End(NamedTuple):
    pass


class Close(NamedTuple):
    pass


class SaslInit(NamedTuple):
    mechanism: Symbol


type Performative = Open | Begin | Attach | Flow | Transfer | Disposition | Detach | End | Close | SaslInit

_STR, _INT, _BOOL, _BYTES = (str,), (int,), (bool,), (bytes,)
_DESCRIBED, _MAP, _ANY = (Described,), (dict,), (object,)
# Per code: the class, the type of each field that is looked at, and how many of them are mandatory.
_LAYOUTS: dict[int, tuple[Any, tuple[tuple[type, ...], ...], int]] = {
    OPEN: (Open, (_STR, _STR, _INT, _INT, _INT), 1),
    BEGIN: (Begin, (_INT, _INT, _INT, _INT), 4),
    ATTACH: (
        Attach,
        (_STR, _INT, _BOOL, _INT, _INT, _DESCRIBED, _DESCRIBED, _MAP, _BOOL, _INT, _INT, _ANY, _ANY, _MAP),
        3,
    ),
    FLOW: (Flow, (_INT, _INT, _INT, _INT, _INT, _INT, _INT, _INT, _BOOL, _BOOL), 4),
    TRANSFER: (Transfer, (_INT, _INT, _BYTES, _INT, _BOOL, _BOOL, _INT, _DESCRIBED, _BOOL, _BOOL), 1),
    DISPOSITION: (Disposition, (_BOOL, _INT, _INT, _BOOL, _DESCRIBED), 2),
    DETACH: (Detach, (_INT, _BOOL), 1),
    END: (End, (), 0),
    CLOSE: (Close, (), 0),
    SASL_INIT: (SaslInit, ((Symbol,),), 1),
}
# Mandatory in the tables, yet null by rule: an answer to nobody's begin, a flow before the peer's first frame.
_NULLABLE_FIRST = (BEGIN, FLOW)


def parse_performative(body: bytes) -> tuple[int, Performative, int]:
    """The code, the fields and the position after them, where a transfer's payload begins.

    Raises:
        ProtocolError: no performative, an unknown one, or a field that is missing or of a wrong type.
    """
    try:
        value, end = decode(body)
    except CodecError as error:
        raise ProtocolError(DECODE_ERROR, str(error)) from error
    if type(value) is not Described or type(value.descriptor) is not int or type(value.value) is not list:
        raise ProtocolError(DECODE_ERROR, "a frame holds no performative")
    if value.descriptor not in _LAYOUTS:
        raise ProtocolError(DECODE_ERROR, f"a frame holds the unknown performative 0x{value.descriptor:02x}")
    make, types, mandatory = _LAYOUTS[value.descriptor]
    fields = value.value[: len(types)]
    if len(fields) < mandatory:
        raise ProtocolError(DECODE_ERROR, f"{make.__name__.lower()} has {len(fields)} of {mandatory} mandatory fields")
    for index, field in enumerate(fields):
        if field is None:
            wrong = index < mandatory and not (index == 0 and value.descriptor in _NULLABLE_FIRST)
        else:
            # `type() in` and not isinstance: a bool is an int to Python, and no uint to AMQP.
            wrong = (type(field) not in types[index] and types[index] is not _ANY) or (type(field) is int and field < 0)
        if wrong:
            raise ProtocolError(DECODE_ERROR, f"{make.__name__.lower()} has a bad field {index + 1}")
    return value.descriptor, make(*fields), end


def frame(channel: int, code: int, fields: Sequence[Any], frame_type: int = AMQP_FRAME) -> bytes:
    """A frame with one performative. Trailing nulls are left off, as the specification allows."""
    parts = [encode(field) for field in fields]
    while parts and parts[-1] == b"\x40":
        parts.pop()
    body = b"\x00\x53" + bytes((code,)) + encoded_list(parts)
    return _FRAME_HEAD.pack(len(body) + 8, 2, frame_type, channel) + body


def transfer_frame(
    channel: int, handle: int, delivery_id: int | None, tag: bytes, settled: bool, more: bool, payload: bytes
) -> bytes:
    """A transfer. delivery_id is None for every frame of a delivery but the first; a tag has 16 bytes."""
    if delivery_id is None:
        start = uint(handle) + b"\x40\x40\x40"
    else:
        start = b"".join((uint(handle), uint(delivery_id), b"\xa0\x10", tag, b"\x43"))
    flags = (b"\x41" if settled else b"\x42") + (b"\x41" if more else b"\x42")
    size = len(start) + 3
    head = _FRAME_HEAD.pack(13 + size + len(payload), 2, AMQP_FRAME, channel)
    return b"".join((head, b"\x00\x53\x14\xc0", bytes((size, 6)), start, flags, payload))


def outcome_frame(channel: int, peer_receives: bool, delivery_id: int, state: bytes) -> bytes:
    """A disposition that settles one delivery with an encoded outcome.

    Args:
        peer_receives: whether the deliveries are ours (then our role is sender) or the peer's.
    """
    number = uint(delivery_id)
    fields = b"".join((b"\x42" if peer_receives else b"\x41", number, number, b"\x41", state))
    if len(fields) < 255:
        body = b"\x00\x53\x15\xc0" + bytes((len(fields) + 1, 5)) + fields
    else:
        body = b"\x00\x53\x15\xd0" + struct.pack(">II", len(fields) + 4, 5) + fields
    return _FRAME_HEAD.pack(len(body) + 8, 2, AMQP_FRAME, channel) + body
