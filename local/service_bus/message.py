"""One message: what the sender wrote, kept byte for byte, and what the broker knows about it."""

import copy
from collections.abc import Mapping
from typing import Any

from local.service_bus.amqp_types import Symbol
from local.service_bus.decode import decode, raw_items
from local.service_bus.encode import NULL, encode, encoded_map, int32, long, timestamp, uint

READY, LOCKED, SCHEDULED, DEFERRED = range(4)

_SEQUENCE_NUMBER, _ENQUEUED_SEQUENCE_NUMBER, _ENQUEUED_TIME, _LOCKED_UNTIL, _STATE, _DEAD_LETTER_SOURCE = (
    encode(Symbol(name))
    for name in (
        "x-opt-sequence-number",
        "x-opt-enqueue-sequence-number",
        "x-opt-enqueued-time",
        "x-opt-locked-until",
        "x-opt-message-state",
        "x-opt-deadletter-source",
    )
)
_NO_HEADER = b"\x40\x40\x40\x40"


class Message:
    """A message of one entity. Its encoded parts never change, except through the methods here.

    Attributes:
        row, entity_row: keys of the message and its entity in the store; 0 before it is put there.
        stored: whether the store has a row for it.
        header: the first four header fields, encoded: durable, priority, ttl, first-acquirer.
        delivery: the unsettled deliveries of the AMQP session that holds the message, and its id among them. None when
            it is not locked, or was locked through the management link or before a restart.
    """

    __slots__ = (
        "annotations",
        "application_properties",
        "body",
        "deferred",
        "delivery",
        "delivery_count",
        "enqueued_ms",
        "enqueued_sequence_number",
        "entity_row",
        "expires_ms",
        "header",
        "lock_tag",
        "locked_until_ms",
        "message_id",
        "properties",
        "row",
        "scheduled_ms",
        "sequence_number",
        "session_id",
        "state",
        "stored",
        "ttl_ms",
    )

    def __init__(self) -> None:
        self.row = 0
        self.entity_row = 0
        self.stored = False
        self.sequence_number = 0
        self.enqueued_sequence_number = 0
        self.enqueued_ms = 0
        self.header = _NO_HEADER
        self.annotations: list[bytes] = []
        self.properties = b""
        self.application_properties = b""
        self.body = b""
        self.message_id = ""
        self.session_id: str | None = None
        self.ttl_ms = 0
        self.scheduled_ms = 0
        self.expires_ms = 0
        self.delivery_count = 0
        self.state = READY
        self.deferred = False
        self.lock_tag: bytes | None = None
        self.locked_until_ms = 0
        self.delivery: tuple[dict[int, Any], int] | None = None

    def encode(self, peek: bool = False) -> bytes:
        """The message as a receiver gets it; a peeked one says nothing of its lock and always names its state."""
        header = self.header + uint(self.delivery_count)
        annotations = [
            *self.annotations,
            _SEQUENCE_NUMBER,
            long(self.sequence_number),
            _ENQUEUED_SEQUENCE_NUMBER,
            long(self.enqueued_sequence_number),
            _ENQUEUED_TIME,
            timestamp(self.enqueued_ms),
        ]
        if self.lock_tag and not peek:
            annotations += (_LOCKED_UNTIL, timestamp(self.locked_until_ms))
        state = 2 if self.state == SCHEDULED else 1 if self.deferred else 0
        if peek or state:
            annotations += (_STATE, int32(state))
        return b"".join(
            (
                b"\x00\x53\x70\xc0",
                bytes((len(header) + 1, 5)),
                header,
                b"\x00\x53\x72",
                encoded_map(annotations),
                self.properties,
                self.application_properties,
                self.body,
            )
        )

    def set_ttl(self, ttl_ms: int) -> None:
        """Cut the time to live to what the entity allows; receivers see the effective value."""
        self.ttl_ms = ttl_ms
        fields = raw_items(b"\xc0" + bytes((len(self.header) + 1, 4)) + self.header, 0)
        # An AMQP ttl is 32 bits of milliseconds (49 days); the service leaves it out above that.
        fields[2] = uint(ttl_ms) if ttl_ms < 1 << 32 else NULL
        self.header = b"".join(fields)

    def add_application_properties(self, extra: Mapping[str, Any]) -> None:
        """Set application properties, leaving the others byte for byte as they came."""
        items = raw_items(self.application_properties, 3) if self.application_properties else []
        kept = [
            part
            for key, value in zip(items[::2], items[1::2], strict=True)
            if decode(key)[0] not in extra
            for part in (key, value)
        ]
        added = [part for key, value in extra.items() for part in (encode(key), encode(value))]
        self.application_properties = b"\x00\x53\x74" + encoded_map(kept + added)

    def set_dead_letter_source(self, entity: str) -> None:
        self.annotations = [*self.annotations, _DEAD_LETTER_SOURCE, encode(entity)]

    def copy(self) -> "Message":
        """Another message with the same content, not yet of any entity."""
        twin = copy.copy(self)
        twin.row, twin.entity_row, twin.stored, twin.state = 0, 0, False, READY
        return twin
