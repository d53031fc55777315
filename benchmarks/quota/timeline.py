"""Virtual time as a heap of events."""

import heapq
from collections.abc import Callable
from typing import Any, Protocol


class Clock(Protocol):
    """What the parts of a simulation need of time, whoever drives it."""

    @property
    def now_s(self) -> float: ...

    def at(self, when_s: float, action: Callable[..., object], *args: Any) -> None:
        """Call `action(*args)` at `when_s`, at once if that is past."""

    def stop(self, error: BaseException | None = None) -> None:
        """End the simulation after the current action; with an error, it ends by raising that."""


class Timeline:
    """The clock of simulations that are written as callbacks."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._count = 0
        self._stopped = False
        self._error: BaseException | None = None

    @property
    def now_s(self) -> float:
        return self._now_s

    def at(self, when_s: float, action: Callable[..., object], *args: Any) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(when_s, self._now_s), self._count, action, args))

    def stop(self, error: BaseException | None = None) -> None:
        self._stopped, self._error = True, error

    def run(self, until_s: float) -> None:
        """Let time pass until `stop`, until nothing is left to do, or until `until_s`."""
        self._stopped = False
        while self._events and not self._stopped and self._events[0][0] <= until_s:
            self._now_s, _, action, args = heapq.heappop(self._events)
            action(*args)
        if self._error is not None:
            raise self._error
