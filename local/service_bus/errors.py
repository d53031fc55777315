"""Errors with the condition that goes over the wire, and their AMQP form.

The conditions are those of AMQP 1.0 (part 2.8.14 to 2.8.18) and of Service Bus ("com.microsoft:..."); the SDKs choose
their exception by them.
"""

from typing import Any

from local.service_bus.amqp_types import Described, Encoded, Symbol
from local.service_bus.encode import encode, encoded_list

DECODE_ERROR = "amqp:decode-error"
NOT_FOUND = "amqp:not-found"
NOT_ALLOWED = "amqp:not-allowed"
NOT_IMPLEMENTED = "amqp:not-implemented"
INVALID_FIELD = "amqp:invalid-field"
INTERNAL_ERROR = "amqp:internal-error"
FRAMING_ERROR = "amqp:connection:framing-error"
CONNECTION_FORCED = "amqp:connection:forced"
HANDLE_IN_USE = "amqp:session:handle-in-use"
UNATTACHED_HANDLE = "amqp:session:unattached-handle"
MESSAGE_SIZE_EXCEEDED = "amqp:link:message-size-exceeded"
MESSAGE_LOCK_LOST = "com.microsoft:message-lock-lost"
MESSAGE_NOT_FOUND = "com.microsoft:message-not-found"
SESSION_LOCK_LOST = "com.microsoft:session-lock-lost"
SESSION_CANNOT_BE_LOCKED = "com.microsoft:session-cannot-be-locked"
TIMEOUT = "com.microsoft:timeout"
ARGUMENT_ERROR = "com.microsoft:argument-error"

_ERROR = 0x1D
_EMPTY_MAP = b"\xc1\x01\x00"


class ServiceBusError(Exception):
    """The broker refuses one operation; the connection goes on.

    Args:
        condition: the AMQP error condition.
        description: for people; holds no message body.
        status: the HTTP-like status of a management reply.
    """

    def __init__(self, condition: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description
        self.status = status


class ProtocolError(Exception):
    """The peer broke the protocol: its connection is closed with this error."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description


class SessionEndedError(Exception):
    """The peer broke the rules of one AMQP session: the session is ended with this error."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description


def message_lock_lost() -> ServiceBusError:
    return ServiceBusError(
        MESSAGE_LOCK_LOST,
        "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the"
        " queue.",
        410,
    )


def session_lock_lost() -> ServiceBusError:
    return ServiceBusError(
        SESSION_LOCK_LOST, "The session lock has expired on the MessageSession. Accept a new MessageSession.", 410
    )


def error_value(condition: str, description: str) -> Described:
    """The AMQP error. Always with all three fields: the Python SDK indexes them without looking."""
    fields = [encode(Symbol(condition)), encode(description), _EMPTY_MAP]
    return Described(_ERROR, encoded_list(fields))


def rejected(error: ServiceBusError) -> Described:
    """The outcome "rejected" with this error."""
    return Described(0x25, Encoded(encoded_list([encode(error_value(error.condition, error.description))])))


def described_error(value: Any) -> list[Any]:
    """Condition, description and info of an error that a peer sent; None where it left them out."""
    fields = value.value if isinstance(value, Described) and isinstance(value.value, list) else []
    return [*fields, None, None, None][:3]
