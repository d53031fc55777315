"""Requests and replies: the management node of each entity, and the token node `$cbs`.

A client sends requests on one link and gets replies on another, told apart by correlation id. The reply goes to the
link whose target is the request's reply-to, as JavaScript does it, or else to the session's own link for that node:
Python names the node there, and `$cbs` requests name nothing.
"""

import logging
from abc import abstractmethod
from typing import Any

from local.service_bus.amqp_types import CodecError, Described, Symbol
from local.service_bus.attach_request import AttachRequest
from local.service_bus.destination import Destination
from local.service_bus.encode import encode, int32
from local.service_bus.errors import ARGUMENT_ERROR, ServiceBusError
from local.service_bus.link import ReceivingLink, SendingLink
from local.service_bus.management import run_operation
from local.service_bus.message_parser import APPLICATION_PROPERTIES, PROPERTIES, VALUE, read_sections
from local.service_bus.ports import SessionPort

_MESSAGE_ID, _REPLY_TO = 0, 4
_OK, _ACCEPTED, _NO_CONTENT = 200, 202, 204
_REASONS = {_OK: "OK", _ACCEPTED: "Accepted", _NO_CONTENT: "No Content"}

logger = logging.getLogger(__name__)


class ReplyLink(SendingLink):
    """The link on which a client receives replies.

    Replies don't wait for credit: the Python SDK grants 10,000 once and never again.
    """


class RequestLink(ReceivingLink):
    """The link on which a client sends requests."""

    def receive(self, data: bytes, message_format: int) -> None:
        del message_format
        sections = read_sections(data)
        properties = sections.get(PROPERTIES)
        fields = [*(properties if isinstance(properties, list) else []), *[None] * 5]
        application = sections.get(APPLICATION_PROPERTIES)
        condition = None
        try:
            if not isinstance(application, dict):
                raise ServiceBusError(ARGUMENT_ERROR, "The request has no application properties.")
            status, value = self.answer(application, sections.get(VALUE))
            reason = _REASONS[status]
        except ServiceBusError as error:
            status, value, reason, condition = error.status, {}, error.description, error.condition
        except CodecError as error:
            status, value, reason, condition = 400, {}, f"The request is malformed: {error}.", ARGUMENT_ERROR
        self._reply(fields[_MESSAGE_ID], fields[_REPLY_TO], status, reason, condition, value)

    @abstractmethod
    def answer(self, application: dict[Any, Any], value: Any) -> tuple[int, Any]:
        """Carry out a request.

        Args:
            application: its application properties.
            value: its body.

        Returns:
            Status and body of the reply.

        Raises:
            ServiceBusError: it failed; the reply says so.
        """

    def _reply(
        self, message_id: Any, reply_to: Any, status: int, reason: str, condition: str | None, value: Any
    ) -> None:
        link = self._reply_link(reply_to)
        if link is None:
            logger.warning("a request on %s found no link for its reply", self.request.path)
            return
        # The token node and the management node spell these differently.
        details: dict[str, Any] = {
            "statusCode": int32(status),
            "statusDescription": reason,
            "status-code": int32(status),
            "status-description": reason,
        }
        if condition:
            details["errorCondition"] = Symbol(condition)
        sections = (
            Described(PROPERTIES, [None, None, None, None, None, message_id]),
            Described(APPLICATION_PROPERTIES, details),
            Described(VALUE, value),
        )
        link.send(b"".join(map(encode, sections)))

    def _reply_link(self, reply_to: Any) -> ReplyLink | None:
        node = self.request.path.lower()
        own = [link for link in self.session.links if isinstance(link, ReplyLink)]
        everywhere = [link for link in self.session.connection.links() if isinstance(link, ReplyLink)]
        named = (link for link in everywhere if reply_to and link.request.reply_address == reply_to)
        return next(named, None) or next((link for link in own if link.request.path.lower() == node), None)


class TokenLink(RequestLink):
    """`$cbs`: takes any token. Nobody is authenticated here, as in Microsoft's emulator."""

    def answer(self, application: dict[Any, Any], value: Any) -> tuple[int, Any]:
        del application, value
        return _ACCEPTED, {}


class ManagementLink(RequestLink):
    """`$management` of one entity."""

    def __init__(self, session: SessionPort, request: AttachRequest, entity: Destination) -> None:
        super().__init__(session, request)
        self._entity = entity

    def answer(self, application: dict[Any, Any], value: Any) -> tuple[int, Any]:
        name, link_name = application.get("operation"), application.get("associated-link-name")
        reply = run_operation(self._entity, str(name), value, link_name if isinstance(link_name, str) else None)
        return (_NO_CONTENT, {}) if reply is None else (_OK, reply)
