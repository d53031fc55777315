"""Tables that fit the console without cutting off a number or an id."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table

_UNBOUNDED = 100_000


class FirstThatFits:
    """Shows the first of some tables that has room for the longest cell of each `no_wrap` column.

    The other columns share what is left, none below its `min_width` (1 by default). Where no table fits, the last one
    folds all its cells.
    """

    def __init__(self, *tables: Table) -> None:
        self._tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in self._tables:
            if (widths := _widths(table, console, options)) is not None:
                for column, width in zip(table.columns, widths, strict=True):
                    column.width = width
                yield table
                return
        last = self._tables[-1]
        for column in last.columns:
            column.width, column.min_width, column.no_wrap, column.overflow = None, None, False, "fold"
        yield last

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._tables[0])


def _widths(table: Table, console: Console, options: ConsoleOptions) -> list[int] | None:
    """The width of each column; None where there isn't room for all."""
    unbounded = options.update(width=_UNBOUNDED)
    longest = [_longest(table, column, console, unbounded) for column in table.columns]
    widths = [
        length if column.no_wrap else min(length, column.min_width or 1)
        for column, length in zip(table.columns, longest, strict=True)
    ]
    room = options.max_width - _around(table, console, unbounded) - sum(widths)
    if room < 0:
        return None
    while room and (short := [n for n, width in enumerate(widths) if width < longest[n]]):
        for n in short:
            more = min(longest[n] - widths[n], max(1, room // len(short)), room)
            widths[n] += more
            room -= more
    return widths


def _longest(table: Table, column: Column, console: Console, options: ConsoleOptions) -> int:
    cells: Sequence[object] = [*([column.header] if table.show_header else []), *column.cells]
    lengths = [Measurement.get(console, options, cell).maximum for cell in cells]  # type: ignore[arg-type]
    return min(max(lengths, default=1), column.max_width or _UNBOUNDED)


def _around(table: Table, console: Console, options: ConsoleOptions) -> int:
    """What lines and padding take."""
    for column in table.columns:
        column.width = 1
    return Measurement.get(console, options, table).minimum - len(table.columns)
