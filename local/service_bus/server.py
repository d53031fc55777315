"""The broker on an event loop: what wakes it, what stops it, and an orderly end."""

import asyncio
import logging
import socket
import sqlite3
import time
from collections.abc import Callable, Sequence

from local.end_signals import end_signals
from local.service_bus.broker import Broker
from local.service_bus.connection import Connection
from local.service_bus.errors import CONNECTION_FORCED

_MAX_SLEEP_S = 30.0
"""Deadlines are in wall time, which may jump: look at the clock at least this often."""
_FAREWELL_S = 0.1

logger = logging.getLogger(__name__)


def wall_clock_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


class Server:
    """Serves a broker on sockets until a signal comes or its store fails."""

    def __init__(self, broker: Broker, sockets: Sequence[socket.socket]) -> None:
        self._broker = broker
        self._sockets = sockets
        self._connections: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT.

        Args:
            on_ready: called when clients can connect.

        Raises:
            sqlite3.Error: the store can't be written to. What it failed to commit was not acknowledged.
        """
        loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = loop.create_future()
        self._broker.turn.wake = self._wake
        self._broker.timers.on_earlier = lambda _due_ms: self._arm()
        self._arm()
        servers = [
            await loop.create_server(lambda: Connection(self._broker, self._connections), sock=opened)
            for opened in self._sockets
        ]
        with end_signals(self._stop):
            # What was restored may be waiting for its time already.
            self._broker.turn.request_end()
            on_ready()
            try:
                await self._stopped
            finally:
                for server in servers:
                    server.close()
            await self._say_goodbye()

    def _stop(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _wake(self) -> None:
        asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        try:
            self._broker.turn.end()
        except sqlite3.Error as error:
            # Without a commit no reply may leave: better no broker than one that forgets.
            logger.critical("the store can't be written to: %s", error)
            if not self._stopped.done():
                self._stopped.set_exception(error)

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        due_ms = self._broker.timers.next_due_ms
        wait_s = _MAX_SLEEP_S if due_ms is None else (due_ms - wall_clock_ms() + 1) / 1000
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(min(max(wait_s, 0.0), _MAX_SLEEP_S), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        try:
            self._broker.timers.run_due()
        finally:
            self._broker.turn.request_end()
            self._arm()

    async def _say_goodbye(self) -> None:
        if not self._connections:
            return
        for connection in list(self._connections):
            connection.close(CONNECTION_FORCED, "The emulator is stopping.")
        self._end_turn()
        await asyncio.sleep(_FAREWELL_S)
