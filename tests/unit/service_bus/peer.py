"""A client of a connection without sockets."""

import asyncio
from typing import Any

from local.service_bus.connection import Connection
from tests.support.amqp import GREETING, Frame, split_frames
from tests.unit.service_bus.helpers import Bench


def codes(frames: list[Frame]) -> list[int]:
    return [code for code, _, _ in frames]


class FakeTransport(asyncio.Transport):
    """Collects what is written; can be told that the peer doesn't read."""

    def __init__(self) -> None:
        super().__init__({"socket": self})
        self.data = b""
        self.closed = False
        self.reading = True

    def setsockopt(self, *_: Any) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: Any) -> None:
        self.data += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Peer:
    """A client without a socket."""

    def __init__(self, bench: Bench, greeting: bytes = GREETING) -> None:
        self.transport = FakeTransport()
        self.connections: set[Connection] = set()
        self.connection = Connection(bench.broker, self.connections)
        self.connection.connection_made(self.transport)
        self._bench = bench
        self.send(greeting)

    def send(self, *frames: bytes) -> list[Frame]:
        """Send bytes; returns the frames that came back."""
        self.transport.data = b""
        self.connection.data_received(b"".join(frames))
        self._bench.settle()
        return split_frames(self.transport.data)[0]

    def lose(self) -> None:
        self.connection.connection_lost(None)
        self._bench.settle()
