"""The worker's end of the socket pair."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable

from local.host.protocol import Decoder, Message, encode

_READ_SIZE = 1 << 18


class WorkerChannel:
    """Reads messages in the event loop; sends from any thread.

    Sending blocks until the host has taken the bytes. The host never waits for a worker, so this can't deadlock, and
    what a function logged has left the process even if the next instruction crashes it.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(True)
        # Processes that functions start must not hold the connection open after this one is gone.
        connection.set_inheritable(False)
        self._socket = connection
        self._queue: list[Message] = []
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self, on_message: Callable[[Message], None]) -> None:
        """Hand every message to a callback in the running event loop. The process ends when the host is gone."""
        decoder = Decoder()

        def read() -> None:
            try:
                data = self._socket.recv(_READ_SIZE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                os._exit(0)  # nobody is left to hear of results or errors
            for message in decoder.feed(data):
                on_message(message)

        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, read)

    def send_soon(self, message: Message) -> None:
        """Send with everything else of this turn of the event loop. Only from the loop's own thread."""
        with self._lock:
            self._queue.append(message)
            first = len(self._queue) == 1
        if first and self._loop is not None:
            self._loop.call_soon(self._flush)

    def send(self, message: Message) -> None:
        """Send now, after what is waiting. From any thread."""
        with self._lock:
            self._queue.append(message)
            self._send_queue()

    def _flush(self) -> None:
        with self._lock:
            self._send_queue()

    def _send_queue(self) -> None:
        messages, self._queue = self._queue, []
        if not messages:
            return
        try:
            self._socket.sendall(encode(messages))
        except OSError:
            os._exit(0)  # the host is gone
