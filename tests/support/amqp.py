"""A bare AMQP peer for what the official SDK can't be made to send: frames, made and taken apart by hand."""

import socket
from collections.abc import Iterator, Sequence
from typing import Any

from local.service_bus.amqp_types import Described
from local.service_bus.decode import decode
from local.service_bus.encode import ubyte, uint, ushort
from local.service_bus.performatives import (
    AMQP_HEADER,
    ATTACH,
    BEGIN,
    FLOW,
    OPEN,
    SOURCE,
    TARGET,
    TRANSFER,
    frame,
)

OPEN_FRAME = frame(0, OPEN, ["test", "localhost", uint(65_536), ushort(10)])
BEGIN_FRAME = frame(1, BEGIN, [None, uint(0), uint(5000), uint(5000), uint(255)])
GREETING = AMQP_HEADER + OPEN_FRAME + BEGIN_FRAME

type Frame = tuple[int, list[Any], bytes]
"""Code and fields of a performative, and the payload after it."""


def attach_sender(target: str, handle: int = 0, name: str = "sender") -> bytes:
    """The attach of a link on which we send."""
    ends = (Described(SOURCE, ["us"]), Described(TARGET, [target]))
    return frame(1, ATTACH, [name, uint(handle), False, ubyte(0), ubyte(0), *ends, None, None, uint(0)])


def attach_receiver(source: str, handle: int = 1, name: str = "receiver") -> bytes:
    """The attach of a link on which we receive under locks."""
    ends = (Described(SOURCE, [source]), Described(TARGET, ["us"]))
    return frame(1, ATTACH, [name, uint(handle), True, ubyte(0), ubyte(1), *ends])


def flow(handle: int, credit: int, *, delivery_count: int = 0, window: int = 5000, drain: bool = False) -> bytes:
    fields = [uint(0), uint(window), uint(0), uint(5000)]
    return frame(1, FLOW, [*fields, uint(handle), uint(delivery_count), uint(credit), None, drain])


def transfer(payload: bytes, delivery_id: int, handle: int = 0, *, more: bool = False, first: bool = True) -> bytes:
    number, tag = (uint(delivery_id), b"%04d" % delivery_id) if first else (None, None)
    data = frame(1, TRANSFER, [uint(handle), number, tag, uint(0), False, more])
    return (len(data) + len(payload)).to_bytes(4) + data[4:] + payload


def split_frames(data: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames in some bytes, protocol headers and heartbeats left out, and what is left over."""
    frames: list[Frame] = []
    while len(data) >= 8:
        if data.startswith(b"AMQP"):
            data = data[8:]
            continue
        size = int.from_bytes(data[:4])
        if len(data) < size:
            break
        body = data[data[4] * 4 : size]
        if body:
            value, end = decode(body)
            frames.append((value.descriptor, value.value, body[end:]))
        data = data[size:]
    return frames, data


class RawClient:
    """A connection that sends bytes as they are given and reads frames."""

    def __init__(self, port: int, greeting: bytes = GREETING, timeout_s: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._rest = b""
        self.send(greeting)

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def frames(self) -> Iterator[Frame]:
        """Frames as they come, until the other side closes."""
        while True:
            found, self._rest = split_frames(self._rest)
            yield from found
            data = self.socket.recv(65_536)
            if not data:
                return
            self._rest += data

    def expect(self, code: int) -> Frame:
        """The next frame of a kind; others are skipped.

        Raises:
            AssertionError: the other side closed without one.
        """
        for found in self.frames():
            if found[0] == code:
                return found
        raise AssertionError(f"closed without a frame 0x{code:02x}")


def error_of(fields: Sequence[Any]) -> tuple[str, str]:
    """Condition and description of the error in a close, end, detach or rejected."""
    error = next(field for field in fields if isinstance(field, Described) and field.descriptor == 0x1D)
    return str(error.value[0]), str(error.value[1])
