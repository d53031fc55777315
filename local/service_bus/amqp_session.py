"""An AMQP session: numbering, flow control and the links of one channel (AMQP 1.0, part 2.5)."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from local.service_bus.attach import make_link
from local.service_bus.attach_request import AttachRequest
from local.service_bus.broker import Broker
from local.service_bus.encode import NULL, uint
from local.service_bus.errors import (
    FRAMING_ERROR,
    HANDLE_IN_USE,
    NOT_ALLOWED,
    UNATTACHED_HANDLE,
    ProtocolError,
    ServiceBusError,
    SessionEndedError,
    error_value,
)
from local.service_bus.link import Link
from local.service_bus.performatives import (
    ATTACH,
    BEGIN,
    DETACH,
    DISPOSITION,
    END,
    FLOW,
    TRANSFER,
    Attach,
    Begin,
    Detach,
    Flow,
    Transfer,
    frame,
)
from local.service_bus.ports import ConnectionPort, LinkPort
from local.service_bus.queue import Queue
from local.service_bus.settlement import on_disposition

HANDLE_MAX = 255
_WINDOW = 0x7FFFFFFF
_WRAP = 0xFFFFFFFF
_MAX_HELD = 10_000
"""Transfer frames kept for a peer whose window is closed: it would have to ask for replies without ever reading."""


class AmqpSession:
    """The broker's end of a session.

    Attributes:
        deliveries: unsettled deliveries to the peer: queue and lock tag by delivery id.
    """

    def __init__(self, connection: ConnectionPort, broker: Broker, channel: int, begin: Begin) -> None:
        self.connection = connection
        self.broker = broker
        self.channel = channel
        self.deliveries: dict[int, tuple[Queue, bytes]] = {}
        self.ended = False
        """Whether this side has ended it; frames of the peer are then ignored until it does so too."""
        self._links: dict[int, Link] = {}
        self._detached: set[int] = set()
        """Handles that this side has detached and the peer not yet."""
        self._next_delivery_id = 0
        self._next_outgoing_id = 0
        self._next_incoming_id = begin.next_outgoing_id
        self._remote_window = begin.incoming_window
        self._held: deque[bytes] = deque()

    @property
    def links(self) -> Sequence[Link]:
        return list(self._links.values())

    def write(self, code: int, fields: Sequence[Any]) -> None:
        self.connection.write(frame(self.channel, code, fields))

    def next_delivery_id(self) -> int:
        delivery_id = self._next_delivery_id
        self._next_delivery_id = (delivery_id + 1) & _WRAP
        return delivery_id

    # Outgoing transfers

    def can_send(self) -> bool:
        """Whether a message would leave at once."""
        return self._remote_window > 0 and not self._held and self.connection.writable

    def send_transfer(self, data: bytes) -> None:
        """Write a transfer frame, or keep it until the peer's window opens."""
        if self._remote_window <= 0 or self._held:
            if len(self._held) >= _MAX_HELD:
                raise ProtocolError(NOT_ALLOWED, "the session's window stayed closed while replies were asked for")
            self._held.append(data)
            return
        self._remote_window -= 1
        self._next_outgoing_id = (self._next_outgoing_id + 1) & _WRAP
        self.connection.write(data)

    def send_flow(self, link: LinkPort | None = None, *, drain: bool = False) -> None:
        fields: list[Any] = [
            uint(self._next_incoming_id),
            uint(_WINDOW),
            uint(self._next_outgoing_id),
            uint(_WINDOW),
        ]
        if link:
            fields += (uint(link.handle), uint(link.delivery_count), uint(max(link.credit, 0)), NULL, drain)
        self.write(FLOW, fields)

    # Incoming frames

    def on_frame(self, code: int, performative: Any, body: bytes, payload_start: int) -> None:
        """Act on a frame of this session other than begin and end."""
        if self.ended:
            return
        try:
            if code == TRANSFER:
                self._on_transfer(performative, body[payload_start:])
            elif code == DISPOSITION:
                on_disposition(self, performative)
            else:
                _HANDLERS[code](self, performative, body)
        except SessionEndedError as error:
            self.ended = True
            self.close()
            self.write(END, [error_value(error.condition, error.description)])

    def _on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        self._next_incoming_id = (self._next_incoming_id + 1) & _WRAP
        link = self._links.get(transfer.handle)
        if link:
            link.on_transfer(transfer, payload)
        elif transfer.handle not in self._detached:
            raise SessionEndedError(UNATTACHED_HANDLE, f"a transfer came on handle {transfer.handle}, which is free")

    def _on_flow(self, flow: Flow, _body: bytes) -> None:
        self._remote_window = ((flow.next_incoming_id or 0) + flow.incoming_window - self._next_outgoing_id) & _WRAP
        held, self._held = self._held, deque()
        for data in held:
            self.send_transfer(data)
        if self.can_send():
            self.connection.unblock()
        if flow.handle is None:
            if flow.echo:
                self.send_flow()
            return
        link = self._links.get(flow.handle)
        if link:  # A flow may cross our detach: then nobody misses it.
            link.on_flow(flow)

    def _on_attach(self, attach: Attach, body: bytes) -> None:
        if attach.handle > HANDLE_MAX:
            raise ProtocolError(FRAMING_ERROR, f"handle {attach.handle} exceeds handle-max {HANDLE_MAX}")
        if attach.handle in self._links:
            raise SessionEndedError(HANDLE_IN_USE, f"handle {attach.handle} is in use")
        self._detached.discard(attach.handle)
        request = AttachRequest.parse(attach, body)
        try:
            link = make_link(self, request)
            self._links[attach.handle] = link
            link.open()
        except ServiceBusError as error:
            self.forget_link(attach.handle)
            request.refuse(self, error)

    def forget_link(self, handle: int) -> None:
        """This side detaches or refuses the link."""
        self._links.pop(handle, None)
        self._detached.add(handle)

    def _on_detach(self, detach: Detach, _body: bytes) -> None:
        self._detached.discard(detach.handle)
        link = self._links.pop(detach.handle, None)
        if link:
            link.release()
            self.write(DETACH, [uint(detach.handle), bool(detach.closed)])

    def close(self) -> None:
        """The session ends, by whatever side: its links end with it, its locks stay."""
        links, self._links = self._links, {}
        for link in links.values():
            link.release()
        self._held.clear()


def begin_reply(channel: int) -> bytes:
    """The answer to a begin: the same channel number back, wide windows."""
    fields = [uint(channel), uint(0), uint(_WINDOW), uint(_WINDOW), uint(HANDLE_MAX)]
    return frame(channel, BEGIN, fields)


_HANDLERS: dict[int, Callable[[AmqpSession, Any, bytes], None]] = {
    FLOW: AmqpSession._on_flow,
    ATTACH: AmqpSession._on_attach,
    DETACH: AmqpSession._on_detach,
}
