"""One end of an AMQP link: what all kinds have in common, sending on it, and receiving on it."""

import os
from abc import ABC, abstractmethod

from local.service_bus.amqp_types import CodecError, Described
from local.service_bus.attach_request import MAX_MESSAGE_BYTES, AttachRequest
from local.service_bus.encode import encode, uint
from local.service_bus.errors import (
    DECODE_ERROR,
    INVALID_FIELD,
    MESSAGE_SIZE_EXCEEDED,
    NOT_ALLOWED,
    ServiceBusError,
    SessionEndedError,
    error_value,
    rejected,
)
from local.service_bus.performatives import ACCEPTED, DETACH, Flow, Transfer, outcome_frame, transfer_frame
from local.service_bus.ports import SessionPort

GRANTED_CREDIT = 1000
_TRANSFER_OVERHEAD = 64
_ACCEPTED = encode(Described(ACCEPTED, []))
_WRAP = 0xFFFFFFFF


class Link(ABC):
    """The broker's end of a link.

    Attributes:
        credit: how many messages its sender may still send.
        delivery_count: how many it has sent, modulo 2**32.
    """

    def __init__(self, session: SessionPort, request: AttachRequest) -> None:
        self.session = session
        self.request = request
        self.name = request.attach.name
        self.handle = request.attach.handle
        self.credit = 0
        self.delivery_count = 0
        self.closed = False

    def open(self) -> None:
        """Answer the attach.

        Raises:
            ServiceBusError: the link is refused.
        """
        self.request.accept(self.session)

    @abstractmethod
    def on_flow(self, flow: Flow) -> None: ...

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """Take a frame of a message.

        Raises:
            SessionEndedError: the peer may not send it.
        """
        del transfer, payload
        raise SessionEndedError(NOT_ALLOWED, f"a transfer came on the link {self.name}, on which the peer receives")

    def release(self) -> None:
        """The link has ended, whoever ended it: let go of what it holds."""
        self.closed = True

    def detach(self, error: ServiceBusError) -> None:
        """End the link from this side."""
        if not self.closed:
            self.session.forget_link(self.handle)
            self.session.write(DETACH, [uint(self.handle), True, error_value(error.condition, error.description)])
            self.release()


class SendingLink(Link):
    """A link on which the peer receives."""

    def on_flow(self, flow: Flow) -> None:
        if flow.link_credit is not None:
            # The peer counts from the deliveries it has seen; some may still be on their way to it.
            credit = ((flow.delivery_count or 0) + flow.link_credit - self.delivery_count) & _WRAP
            self.credit = 0 if credit > _WRAP >> 1 else credit
            self.credit_changed(bool(flow.drain))
            if flow.drain:
                self.delivery_count = (self.delivery_count + self.credit) & _WRAP
                self.credit = 0
        if flow.drain or flow.echo:
            self.session.send_flow(self, drain=bool(flow.drain))

    def credit_changed(self, drain: bool) -> None:
        """The peer granted or took credit; with drain, what it doesn't use now is lost."""

    def send(self, payload: bytes, tag: bytes | None = None) -> int:
        """Send one message in as many frames as it takes.

        Args:
            tag: the 16 bytes of the delivery tag; None sends it settled, under any tag.

        Returns:
            The delivery id.
        """
        session = self.session
        self.credit -= 1
        self.delivery_count = (self.delivery_count + 1) & _WRAP
        settled = tag is None
        tag = tag or os.urandom(16)
        delivery_id = session.next_delivery_id()
        room = session.connection.max_frame_bytes - _TRANSFER_OVERHEAD
        first: int | None = delivery_id
        for start in range(0, len(payload), room) or (0,):
            part = payload[start : start + room]
            more = start + room < len(payload)
            session.send_transfer(transfer_frame(session.channel, self.handle, first, tag, settled, more, part))
            first = None
        return delivery_id


class ReceivingLink(Link):
    """A link on which the peer sends. A message over the size limit is rejected without being collected."""

    def __init__(self, session: SessionPort, request: AttachRequest) -> None:
        super().__init__(session, request)
        self._first: Transfer | None = None
        self._parts: list[bytes] = []
        self._size = 0

    @abstractmethod
    def receive(self, data: bytes, message_format: int) -> None:
        """Act on a whole message.

        Raises:
            ServiceBusError, CodecError: it is refused; the sender gets the outcome "rejected".
        """

    def on_flow(self, flow: Flow) -> None:
        if flow.echo:
            self.session.send_flow(self)

    def open(self) -> None:
        super().open()
        self.grant_credit()

    def grant_credit(self) -> None:
        self.credit = GRANTED_CREDIT
        self.session.send_flow(self)

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        if self._first is None:
            if transfer.delivery_id is None:
                raise SessionEndedError(INVALID_FIELD, "the first transfer of a delivery has no delivery-id")
            self._first = transfer
        if transfer.aborted:
            self._reset()
            return
        self._size += len(payload)
        if self._size <= MAX_MESSAGE_BYTES:
            self._parts.append(payload)
        else:
            self._parts.clear()
        if transfer.more:
            return
        first, size = self._first, self._size
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._reset()
        self.delivery_count = (self.delivery_count + 1) & _WRAP
        self.credit -= 1
        outcome = self._outcome(data, size, first.message_format or 0)
        if not (first.settled or transfer.settled) and first.delivery_id is not None:
            session = self.session
            session.connection.write(outcome_frame(session.channel, False, first.delivery_id, outcome))
        if self.credit < GRANTED_CREDIT // 2:
            self.grant_credit()

    def _outcome(self, data: bytes, size: int, message_format: int) -> bytes:
        try:
            if size > MAX_MESSAGE_BYTES:
                text = f"The message is larger than the maximum of {MAX_MESSAGE_BYTES} bytes: {size} bytes."
                raise ServiceBusError(MESSAGE_SIZE_EXCEEDED, text)
            self.receive(data, message_format)
        except ServiceBusError as error:
            return encode(rejected(error))
        except CodecError as error:
            return encode(rejected(ServiceBusError(DECODE_ERROR, f"The message is malformed: {error}.")))
        return _ACCEPTED

    def _reset(self) -> None:
        self._first, self._size = None, 0
        self._parts = []
