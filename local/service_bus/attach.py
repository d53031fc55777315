"""Opening links: what a client may attach to, and why it may not."""

from local.service_bus.attach_request import AttachRequest
from local.service_bus.entity_links import EntityReceiverLink, EntitySenderLink
from local.service_bus.errors import NOT_ALLOWED, NOT_FOUND, NOT_IMPLEMENTED, ServiceBusError
from local.service_bus.link import Link
from local.service_bus.performatives import TARGET
from local.service_bus.ports import SessionPort
from local.service_bus.queue import DEAD_LETTER_SUFFIX, Queue
from local.service_bus.request_links import ManagementLink, ReplyLink, TokenLink
from local.service_bus.session_links import SessionReceiverLink
from local.service_bus.session_queue import SessionQueue

_MANAGEMENT_SUFFIX = "/$management"
_CBS_NODE = "$cbs"


def make_link(session: SessionPort, request: AttachRequest) -> Link:
    """The link that a client asks for, not yet open.

    Raises:
        ServiceBusError: there is no such entity, or it can't be attached to in this way.
    """
    broker, path, receives = session.broker, request.path, request.attach.peer_receives
    target = request.attach.target
    if not receives and target is not None and target.descriptor != TARGET:
        raise ServiceBusError(NOT_IMPLEMENTED, "Transactions are not emulated.")
    if path.lower() == _CBS_NODE:
        return ReplyLink(session, request) if receives else TokenLink(session, request)
    if path.lower().endswith(_MANAGEMENT_SUFFIX):
        name = path[: -len(_MANAGEMENT_SUFFIX)]
        entity = broker.queue(name) or broker.topic(name)
        if entity is None:
            raise _not_found(name)
        return ReplyLink(session, request) if receives else ManagementLink(session, request, entity)
    queue, topic = broker.queue(path), broker.topic(path)
    if queue is None and topic is None:
        raise _not_found(path)
    if not receives:
        if topic:
            return EntitySenderLink(session, request, topic)
        if queue is None or not broker.takes_messages(queue):
            raise ServiceBusError(NOT_ALLOWED, f"Messages can't be sent to '{path}': it is no queue or topic.")
        return EntitySenderLink(session, request, queue)
    if queue is None:
        raise ServiceBusError(NOT_ALLOWED, f"'{path}' is a topic: receive from one of its subscriptions.")
    return _receiver(session, request, queue)


def _receiver(session: SessionPort, request: AttachRequest, queue: Queue) -> Link:
    if queue.settings.forward_to:
        text = (
            f"'{request.path}' forwards its messages; only '{request.path}{DEAD_LETTER_SUFFIX}' can be received from."
        )
        raise ServiceBusError(NOT_ALLOWED, text)
    if isinstance(queue, SessionQueue):
        if not request.has_session_filter:
            raise ServiceBusError(
                NOT_ALLOWED,
                "It is not possible for an entity that requires sessions to create a non-sessionful message receiver.",
            )
        return SessionReceiverLink(session, request, queue)
    if request.has_session_filter:
        raise ServiceBusError(
            NOT_ALLOWED,
            "A sessionful message receiver cannot be created on an entity that does not require sessions.",
        )
    return EntityReceiverLink(session, request, queue)


def _not_found(path: str) -> ServiceBusError:
    return ServiceBusError(NOT_FOUND, f"The messaging entity '{path}' could not be found.", 404)
