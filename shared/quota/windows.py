"""Trailing windows over time slots: how much of each is taken, and where something more fits."""

from collections.abc import Iterable, Sequence
from itertools import accumulate


class TrailingWindow:
    """How much of one trailing window is taken at each slot, from `origin` on.

    Whatever starts in slot s counts in the slots s .. s + span - 1. A start at s is admissible where none of these
    slots would hold more than the limit.

    Args:
        origin: first slot that is known; nothing can start earlier.
        span: slots that a new start counts in.
        limit: most that a slot may hold.
        parts: what is taken already: amounts by slot of their start, the slot of the first amount, their span.
    """

    __slots__ = ("_levels", "_origin", "limit", "span", "visits")

    def __init__(
        self, origin: int, span: int, limit: float, parts: Iterable[tuple[Sequence[int], int, int]] = ()
    ) -> None:
        self._origin = origin
        self.span = span
        self.limit = limit
        self.visits = 0
        levels = [0]
        for amounts, first, length in parts:
            levels = _sum(levels, _levels(amounts, first, length, origin))
        self._levels = levels

    @property
    def end(self) -> int:
        """From this slot on nothing is taken."""
        return self._origin + len(self._levels)

    def take(self, slot: int, amount: int) -> None:
        """Count something that starts at this slot."""
        begin = slot - self._origin
        end = begin + self.span
        levels = self._levels
        if len(levels) < end:
            levels.extend([0] * (end - len(levels)))
        levels[begin:end] = [level + amount for level in levels[begin:end]]

    def last_over(self, limit: float, begin: int, end: int) -> int | None:
        """The last slot in begin .. end - 1 that holds more than `limit`."""
        low = begin - self._origin
        part = self._levels[low : max(low, end - self._origin)]
        self.visits += len(part)
        if not part or max(part) <= limit:
            return None
        for index in range(len(part) - 1, -1, -1):
            if part[index] > limit:
                return begin + index
        raise AssertionError("unreachable: the maximum is above the limit")


def earliest_start(
    demands: Sequence[tuple[TrailingWindow, int]], first: int, last: int | None, room: Sequence[float] = ()
) -> int | None:
    """The earliest slot where all windows have room.

    Each slot of a window is looked at once at most: a slot over the limit moves the start behind it, and a slot under
    it stays so.

    Args:
        demands: each window with the amount that it would take.
        last: latest slot allowed; None for any.
        room: most that each window may hold already; limit - amount by default.
    """
    limits = room or [window.limit - amount for window, amount in demands]
    if min(limits) < 0:
        return None
    start = first
    checked = [first] * len(demands)
    while last is None or start <= last:
        moved = False
        for number, (window, _) in enumerate(demands):
            end = start + window.span
            blocked = window.last_over(limits[number], max(start, checked[number]), end)
            checked[number] = end
            if blocked is not None:
                start = blocked + 1
                moved = True
        if not moved:
            return start
    return None


def _levels(amounts: Sequence[int], first: int, span: int, origin: int) -> list[int]:
    """Sum of the amounts that count in each slot from `origin` on."""
    total = list(accumulate(amounts, initial=0))  # total[k]: of the first k amounts
    begun = total + [total[-1]] * span
    ended = [0] * span + total
    skipped = origin - first + 1
    if skipped < 1:
        return [0] * (1 - skipped) + _levels(amounts, first, span, first)
    return [a - b for a, b in zip(begun[skipped:], ended[skipped:], strict=True)]


def _sum(left: list[int], right: list[int]) -> list[int]:
    if len(left) < len(right):
        left, right = right, left
    return [a + b for a, b in zip(left, right, strict=False)] + left[len(right) :]
