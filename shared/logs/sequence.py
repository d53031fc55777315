"""The numbers of an instance's files that have arrived, and those that are missing. Order and repetition don't matter.

Written as text, such as `1-57,59`.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Self

MAX_RUNS = 1_500
"""A property of a table holds 32K characters. Beyond it the oldest gaps are closed and only counted."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A set of numbers from 1, as runs in ascending order.

    Attributes:
        runs: (first, last) each.
        closed: numbers in gaps that are not told apart any more.
    """

    runs: tuple[tuple[int, int], ...] = ()
    closed: int = 0

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.runs, (number, 1 << 62)) - 1
        return place >= 0 and self.runs[place][0] <= number <= self.runs[place][1]

    def __str__(self) -> str:
        return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in self.runs)

    @classmethod
    def parse(cls, text: str, closed: int = 0) -> Self:
        """Reverse of str().

        Raises:
            ValueError: this is no such text.
        """
        runs = []
        for part in filter(None, text.split(",")):
            first, _, last = part.partition("-")
            runs.append((int(first), int(last or first)))
        return cls(tuple(sorted(runs)), closed)

    @property
    def highest(self) -> int:
        return self.runs[-1][1] if self.runs else 0

    def with_number(self, number: int) -> "Arrived":
        """The set with one more."""
        if number in self or number < 1:
            return self
        runs: list[tuple[int, int]] = []
        first = last = number
        for run in self.runs:
            if run[1] + 1 < first or run[0] - 1 > last:
                runs.append(run)
            else:
                first, last = min(first, run[0]), max(last, run[1])
        runs = sorted([*runs, (first, last)])
        closed = self.closed
        while len(runs) > MAX_RUNS:
            closed += runs[1][0] - runs[0][1] - 1
            runs[:2] = [(runs[0][0], runs[1][1])]
        return Arrived(tuple(runs), closed)

    def missing(self, up_to: int) -> list[tuple[int, int]]:
        """The gaps from 1 to the highest number known, or to this one."""
        gaps = []
        following = 1
        for first, last in self.runs:
            if first > following:
                gaps.append((following, first - 1))
            following = last + 1
        if up_to >= following:
            gaps.append((following, up_to))
        return gaps


def count(gaps: list[tuple[int, int]]) -> int:
    """How many numbers are in gaps."""
    return sum(last - first + 1 for first, last in gaps)
