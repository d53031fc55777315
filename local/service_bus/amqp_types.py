"""AMQP 1.0 types that have no counterpart in Python, and the codec's one error."""

from dataclasses import dataclass
from typing import Any


class CodecError(ValueError):
    """Bytes that are no valid AMQP, or a value that AMQP can't carry."""


class Symbol(str):
    """An AMQP symbol: ASCII text from a restricted vocabulary."""

    __slots__ = ()


class Encoded(bytes):
    """A value that is already AMQP-encoded, constructor included."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor, such as 0x24 for the outcome "accepted"."""

    descriptor: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Timestamp:
    """Milliseconds since the Unix epoch, to be encoded as an AMQP timestamp. Decoded timestamps are plain ints."""

    ms: int
