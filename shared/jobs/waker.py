"""Wakes the pump after calls were lined up: once for many, and never so that a job hangs on it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from shared.errors import StorageError
from shared.jobs.pump_row import PumpRow, Wake
from shared.storage.server_clock import ServerClock
from shared.telemetry.events import log_event

_TRIES = 12
_PAUSE_S = 0.25

logger = logging.getLogger(__name__)


class PumpStarter(Protocol):
    """Whoever can reach the orchestration."""

    async def start(self) -> bool:
        """Start it. Returns False where it runs already, if only for another moment."""
        ...

    async def tell(self) -> None:
        """Wake it from its sleep."""
        ...


class Waker:
    """Calls of one worker process that come together share one look at the pump's row.

    Failing here loses nothing: the calls are lined up, and the sweep finds them within a minute.

    Args:
        sleep: between tries to start a pump that is just ending.
    """

    def __init__(
        self, row: PumpRow, clock: ServerClock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._row = row
        self._clock = clock
        self._sleep = sleep
        self._current: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def wake(self, starter: PumpStarter) -> None:
        """Make sure that the pump looks after this call, not only before it."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._current, starter))
        await asyncio.shield(self._next)

    async def _after(self, current: asyncio.Task[None] | None, starter: PumpStarter) -> None:
        if current is not None:
            await asyncio.wait([current])
        self._current, self._next = self._next, None
        try:
            await self._wake(starter)
        except Exception as error:
            # Whatever keeps us from the pump, the message is done: its call is lined up.
            log_event(logger, "pump_not_woken", level=logging.WARNING, reason=type(error).__name__)

    async def _wake(self, starter: PumpStarter) -> None:
        for _ in range(_TRIES):
            match await self._row.wake(self._clock.now_s()):
                case Wake.NOTHING:
                    return
                case Wake.EVENT:
                    await starter.tell()
                    return
                case Wake.START:
                    if await starter.start():
                        return
            await self._sleep(_PAUSE_S)
        raise StorageError("The pump is neither running nor to be started.")
