"""Messages between the host and a worker process, over the two ends of a socket pair.

A frame is a length and a pickled list of messages: everything queued within one turn of the event loop travels in one
frame, written and read with one system call. A message is a tuple that starts with its kind. Values are built-in types
only: they pickle several times faster than classes.

Pickle is safe here: the pair is inherited by the host's own child of the same user, nobody else can reach it.
"""

import pickle
import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from local.host.contracts import Datum

type Message = tuple[Any, ...]
type Value = tuple[str, Any]  # kind and value of a Datum

_HEADER = struct.Struct("!Q")


class Kind(IntEnum):
    """The first item of a message, and what follows it."""

    INVOKE = 1  # invocation id, function id, inputs {name: Value}, metadata {name: Value}, trace parent, retry, retries
    READY = 2  # list of function metadata, see worker_app.index
    FAILED = 3  # the reason why the app can't be indexed
    SUCCEEDED = 4  # invocation id, returned Value or None, outputs {name: Value}
    RAISED = 5  # invocation id, message "TypeName: text", stack trace
    LOG = 6  # level, logger name, text, invocation id or None, function name or None


def encode(messages: list[Message]) -> bytes:
    """One frame of messages."""
    payload = pickle.dumps(messages, 5)
    return _HEADER.pack(len(payload)) + payload


class Decoder:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = _HEADER.size

    def feed(self, data: bytes) -> list[Message]:
        """Take what arrived; return the messages that are complete now, in order."""
        self._buffer += data
        messages: list[Message] = []
        position = 0
        while len(self._buffer) - position >= self._needed:
            start = position + _HEADER.size
            end = start + _HEADER.unpack_from(self._buffer, position)[0]
            if len(self._buffer) < end:
                # Remembered, so that a large frame isn't looked at again for every piece of it that arrives.
                self._needed = end - position
                break
            with memoryview(self._buffer) as view:
                messages += pickle.loads(view[start:end])  # noqa: S301 - see above
            position, self._needed = end, _HEADER.size
        del self._buffer[:position]
        return messages


def to_values(data: Mapping[str, Datum]) -> dict[str, Value]:
    """Datums as they travel."""
    return {name: (datum.kind, datum.value) for name, datum in data.items()}
