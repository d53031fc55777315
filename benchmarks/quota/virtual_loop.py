"""An asyncio event loop in virtual time: whenever all tasks wait, its clock jumps to the next timer.

Libraries that sleep by asyncio or anyio run in it unmodified; a minute of theirs takes as long as their code computes.
Threads don't fit in: work for an executor is done at once, in the loop's own thread.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any


class VirtualTimeStuckError(RuntimeError):
    """All tasks wait for something outside the loop, for which virtual time can't wait."""


# What one pass of the loop takes. Nothing would do for most, but a library that sets a timer by division can miss its
# moment by a rounding error, and sets it again and again until time passes.
_PASS_S = 1e-7


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for the next timer, moves the clock to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.on_advance: Callable[[float], object] = lambda _: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise VirtualTimeStuckError("All tasks wait, and there is no timer that could wake one.")
        self.now_s += _PASS_S if ready or not timeout else max(timeout, _PASS_S)
        self.on_advance(self.now_s)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # Timers count as due within the resolution of the clock. This one's is only limited by floating point.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now_s

    def on_advance(self, action: Callable[[float], object]) -> None:
        """Call `action(now)` whenever the clock has moved."""
        self._jumping.on_advance = action

    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class LoopClock:
    """The clock of simulations that run in a virtual-time loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stopped: asyncio.Future[None] = loop.create_future()

    @property
    def now_s(self) -> float:
        return self._loop.time()

    def at(self, when_s: float, action: Callable[..., object], *args: Any) -> None:
        self._loop.call_at(max(when_s, self._loop.time()), action, *args)

    def stop(self, error: BaseException | None = None) -> None:
        if self._stopped.done():
            return
        if error is None:
            self._stopped.set_result(None)
        else:
            self._stopped.set_exception(error)

    async def run(self, until_s: float) -> None:
        """Let time pass until `stop` or until `until_s`."""
        await asyncio.wait([self._stopped], timeout=until_s - self.now_s)
        if self._stopped.done():
            self._stopped.result()


def run_virtual[T](main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in virtual time that begins at 0.

    Raises:
        VirtualTimeStuckError: nothing can ever happen again, and `main` isn't done.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
