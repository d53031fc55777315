"""The links between clients and entities: one kind sends messages to an entity, the other receives from it."""

from local.service_bus.attach_request import SETTLED, AttachRequest
from local.service_bus.destination import Destination
from local.service_bus.link import ReceivingLink, SendingLink
from local.service_bus.message import Message
from local.service_bus.message_parser import batch_items, parse_message
from local.service_bus.ports import SessionPort
from local.service_bus.queue import Queue

BATCH_FORMAT = 0x80013700


class EntitySenderLink(ReceivingLink):
    """The link of a client that sends to a queue or topic."""

    def __init__(self, session: SessionPort, request: AttachRequest, destination: Destination) -> None:
        super().__init__(session, request)
        self._destination = destination

    def receive(self, data: bytes, message_format: int) -> None:
        # All are parsed before any is taken: a batch is taken whole or not at all.
        items = batch_items(data) if message_format == BATCH_FORMAT else (data,)
        self._destination.send([parse_message(item) for item in items])


class EntityReceiverLink(SendingLink):
    """The link of a client that receives from a queue, subscription or dead-letter queue."""

    def __init__(self, session: SessionPort, request: AttachRequest, queue: Queue) -> None:
        super().__init__(session, request)
        self.queue = queue
        self.receive_and_delete = request.attach.sender_settle_mode == SETTLED
        self.waiting = False

    def wants_message(self) -> bool:
        if self.closed or self.credit <= 0:
            return False
        if self.session.can_send():
            return True
        # The client reads more slowly than it takes: go on when its window or its socket opens.
        self.session.connection.blocked[self] = None
        return False

    def unblock(self) -> None:
        """The connection can be written to again."""
        if not self.closed and self.credit > 0:
            self.queue.subscribe(self)

    def deliver(self, message: Message) -> None:
        delivery_id = self.send(message.encode(), message.lock_tag)
        if message.lock_tag:
            deliveries = self.session.deliveries
            deliveries[delivery_id] = (self.queue, message.lock_tag)
            message.delivery = (deliveries, delivery_id)

    def credit_changed(self, drain: bool) -> None:
        if self.credit:
            self.queue.subscribe(self)
            if drain:
                self.queue.pump()

    def release(self) -> None:
        super().release()
        self.session.connection.blocked.pop(self, None)
        self.queue.unsubscribe(self)
