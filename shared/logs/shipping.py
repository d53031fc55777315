"""A process's own log shipping: its monitor, in a thread of its own, and what happens when the process ends."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from shared.logs.log_monitor import LogMonitorService
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
        _before_pools_end(self.drain)
        if threading.current_thread() is threading.main_thread():
            _on_sigterm(self.drain)

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


def _before_pools_end(drain: Callable[[], object]) -> None:
    """At the end of the interpreter, while hosts' names can be looked up, which takes a thread pool: before atexit."""
    # The last to register is the first to be called, and the pools register when they are imported.
    import concurrent.futures.thread  # noqa: F401

    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        register(drain)


def _on_sigterm(drain: Callable[[], object]) -> None:
    """Drain at SIGTERM, then end as before. A second one doesn't wait. An app that handles SIGTERM is left alone."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end() -> None:
        drain()
        os.kill(os.getpid(), signal.SIGTERM)

    def asked(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # Not here: whatever the signal has interrupted may hold a lock that the drain needs.
        threading.Thread(target=end, name="log-drain", daemon=True).start()

    signal.signal(signal.SIGTERM, asked)
