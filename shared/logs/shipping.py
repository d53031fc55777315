"""A process's own log shipping: its monitor, in a thread of its own, and what happens when the process ends."""

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from shared.logs.log_monitor import LogMonitorService
from shared.telemetry.at_end import at_end
from shared.telemetry.context import not_shipped
from shared.telemetry.events import log_event

DRAIN_S = 5.0
"""How long a process that is asked to end waits for its logs. The Functions host gives workers 5 s where it asks them
at all (WorkerConstants.cs, WorkerTerminateGracePeriodInSeconds)."""
_JOIN_S = 1.0

logger = logging.getLogger(__name__)


class LogShipping:
    """Runs a monitor on an event loop of its own: neither a busy nor an ending loop of the app holds it up.

    Args:
        make_monitor: called in the thread.
    """

    def __init__(self, make_monitor: Callable[[], LogMonitorService]) -> None:
        self._make_monitor = make_monitor
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-shipping", daemon=True)
        self._drain_s = DRAIN_S
        self._draining = threading.Lock()
        self.left: list[Path] | None = None

    def start(self) -> None:
        """Start, and be ready for the end of the process."""
        self._thread.start()
        at_end(self.drain)

    def drain(self, timeout_s: float = DRAIN_S) -> bool:
        """Rotate the process's file and ship everything, up to this time, then stop.

        Returns:
            Whether everything is shipped. What isn't stays on the disk.
        """
        with self._draining:
            if self._thread.is_alive() and self._ready.wait(timeout_s) and self._loop is not None:
                self._drain_s = timeout_s
                stop = self._stop
                if stop is not None and not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(stop.set)
                self._thread.join(timeout_s + _JOIN_S)
            return self.left == []

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:
            log_event(logger, "log_shipping_ended", level=logging.ERROR, reason=f"{type(error).__name__}: {error}")

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        monitor = self._make_monitor()
        await monitor.initialize()
        self._ready.set()
        await self._stop.wait()
        with not_shipped():  # there is nobody left to ship what is logged from here on
            self.left = await monitor.shutdown(self._drain_s)
