"""A client's request for a link, and the two answers to it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from local.service_bus.amqp_types import Described, Encoded, Symbol
from local.service_bus.decode import decode, raw_items
from local.service_bus.encode import NULL, encode, encoded_list, ubyte, uint, ulong
from local.service_bus.errors import DECODE_ERROR, INVALID_FIELD, ProtocolError, ServiceBusError, error_value
from local.service_bus.performatives import ATTACH, DETACH, SOURCE, TARGET, Attach
from local.service_bus.ports import SessionPort

MAX_MESSAGE_BYTES = 256 * 1024
"""Encoded size of a message, or of a whole batch, on the Standard tier (Service Bus quotas)."""
SETTLED = 1
"""Sender settle mode of receive-and-delete."""
_MIXED = 2
_SOURCE_FIELD, _TARGET_FIELD, _FILTERS = 5, 6, 7
_SESSION_FILTER = Symbol("com.microsoft:session-filter")


def _path(address: str) -> str:
    """The entity's path in an address, which may be a URI."""
    return unquote(urlsplit(address).path if "://" in address else address).strip("/")


def _terminus_fields(terminus: Described | None, known: int) -> list[Any]:
    if terminus is None or terminus.descriptor != known:
        return []
    if not isinstance(terminus.value, list):
        raise ProtocolError(DECODE_ERROR, "a source or target is no list")
    return terminus.value


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """An attach, looked through.

    Attributes:
        path: of the entity that the link is for.
        reply_address: where a link that receives replies says it is; else empty.
        has_session_filter, session_id: whether the client asks for a session, and which; None for the next one.
        source, target: as they came, to be echoed.
    """

    attach: Attach
    path: str
    reply_address: str
    has_session_filter: bool
    session_id: str | None
    source: Encoded
    target: Encoded

    @staticmethod
    def parse(attach: Attach, body: bytes) -> "AttachRequest":
        """Look through an attach.

        Args:
            body: the body of its frame.

        Raises:
            ProtocolError: source or target are malformed.
        """
        source, target = _terminus_fields(attach.source, SOURCE), _terminus_fields(attach.target, TARGET)
        addresses = [fields[0] if fields and fields[0] is not None else "" for fields in (source, target)]
        if not all(isinstance(address, str) for address in addresses):
            raise ProtocolError(DECODE_ERROR, "the address of a source or target is no string")
        own, other = addresses if attach.peer_receives else reversed(addresses)
        filters = source[_FILTERS] if len(source) > _FILTERS and attach.peer_receives else None
        if filters is not None and not isinstance(filters, dict):
            raise ProtocolError(DECODE_ERROR, "the filters of a source are no map")
        session_id = (filters or {}).get(_SESSION_FILTER)
        if isinstance(session_id, Described):
            session_id = session_id.value
        if session_id is not None and not isinstance(session_id, str):
            raise ProtocolError(INVALID_FIELD, "a session id is no string")
        try:
            path = _path(own)
        except ValueError as error:
            raise ProtocolError(INVALID_FIELD, f"an address is no URI: {error}") from error
        echo = [*raw_items(body, decode(body, 1)[1]), *[NULL] * (_TARGET_FIELD + 1)]
        terminus = [encode(Described(SOURCE, [path])), encode(Described(TARGET, [path]))]
        for index, given in enumerate((attach.source, attach.target)):
            if given is not None:
                terminus[index] = echo[_SOURCE_FIELD + index]
        return AttachRequest(
            attach=attach,
            path=path,
            reply_address=other if attach.peer_receives else "",
            has_session_filter=_SESSION_FILTER in (filters or {}),
            session_id=session_id,
            source=Encoded(terminus[0]),
            target=Encoded(terminus[1]),
        )

    def source_with_session(self, session_id: str) -> Encoded:
        """The source to answer with when a session is granted: the filter names it."""
        fields = raw_items(self.source, decode(self.source, 1)[1])
        fields[_FILTERS] = encode({_SESSION_FILTER: session_id})
        return Encoded(b"\x00\x53" + bytes((SOURCE,)) + encoded_list(fields))

    def accept(
        self, session: SessionPort, source: Encoded | None = None, properties: dict[Any, Any] | None = None
    ) -> None:
        """Answer with an attach. The properties are never null: the Python SDK reads them without looking."""
        attach = self.attach
        fields = [
            attach.name,
            uint(attach.handle),
            not attach.peer_receives,
            ubyte(_MIXED if attach.sender_settle_mode is None else attach.sender_settle_mode),
            ubyte(attach.receiver_settle_mode or 0),
            source or self.source,
            self.target,
            None,
            None,
            # A receiver's SDK counts from this, so it must be there.
            uint(0) if attach.peer_receives else None,
            ulong(MAX_MESSAGE_BYTES),
            None,
            None,
            properties or {},
        ]
        session.write(ATTACH, fields)

    def refuse(self, session: SessionPort, error: ServiceBusError) -> None:
        """Answer with an attach without source and target, then detach with the error (AMQP 1.0, 2.6.3)."""
        attach = self.attach
        head = [attach.name, uint(attach.handle), not attach.peer_receives]
        session.write(ATTACH, [*head, None, None, None, None, None, None, uint(0)])
        session.write(DETACH, [uint(attach.handle), True, error_value(error.condition, error.description)])
