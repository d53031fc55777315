"""What is due when: a heap of deadlines that may have lapsed meanwhile, and the broker's alarm clock."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator

_COMPACT_FROM = 1024


class DueHeap[K]:
    """Deadlines by key. Entries are never taken out early: whoever pops one checks whether it still holds.

    Args:
        live: the entries that still hold. Lapsed ones are swept out when they may outnumber these, so that the heap
            stays within twice the live entries (and 1,024).
    """

    def __init__(self, live: Callable[[], Iterable[tuple[int, K]]]) -> None:
        self._live = live
        self._heap: list[tuple[int, K]] = []
        self._limit = _COMPACT_FROM

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_due_ms(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def push(self, due_ms: int, key: K) -> None:
        if len(self._heap) >= self._limit:
            self._heap = list(self._live())
            heapq.heapify(self._heap)
            self._limit = max(_COMPACT_FROM, 2 * len(self._heap))
        heapq.heappush(self._heap, (due_ms, key))

    def pop_due(self, now_ms: int) -> Iterator[K]:
        """Take out what is due, earliest first."""
        while self._heap and self._heap[0][0] <= now_ms:
            yield heapq.heappop(self._heap)[1]


class Timers:
    """Callbacks at points in time, earliest first.

    Args:
        clock_ms: milliseconds since the Unix epoch. Wall time, because deadlines outlive the process.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self.clock_ms = clock_ms
        self.on_earlier: Callable[[int], None] = lambda _due_ms: None
        """Called with the new earliest deadline whenever that moves forward."""
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    @property
    def next_due_ms(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def at(self, due_ms: int, callback: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (due_ms, next(self._order), callback))
        if self._heap[0][0] == due_ms:
            self.on_earlier(due_ms)

    def run_due(self) -> None:
        """Run the callbacks whose time has come."""
        now_ms = self.clock_ms()
        while self._heap and self._heap[0][0] <= now_ms:
            heapq.heappop(self._heap)[2]()


class Alarm:
    """One owner's wish to be called, moved forward as often as it likes without filling the timers' heap."""

    def __init__(self, timers: Timers, callback: Callable[[], int | None]) -> None:
        """callback: does what is due and returns when it wants to be called next, in milliseconds, or None."""
        self._timers = timers
        self._callback = callback
        self._set_for: int | None = None

    def set(self, due_ms: int) -> None:
        """Be called at this time, or at the earlier one that is set already."""
        if self._set_for is None or due_ms < self._set_for:
            self._set_for = due_ms
            self._timers.at(due_ms, self._ring)

    def _ring(self) -> None:
        if self._set_for is None or self._set_for > self._timers.clock_ms():
            return  # It rang earlier and was set anew.
        self._set_for = None
        due_ms = self._callback()
        if due_ms is not None:
            self.set(due_ms)
