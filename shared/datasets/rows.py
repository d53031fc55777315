"""Rows of files that people bring: what every format becomes, whatever is wrong with some of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import PermanentError

MAX_RECORD_CHARS = 16_000_000
"""A row that is longer is refused without being held in memory."""
MAX_COLUMNS = 1_000


class DatasetError(PermanentError):
    """A file can't be read at all."""

    code = "dataset"


@dataclass(frozen=True, slots=True)
class InputRow:
    """One row.

    Attributes:
        number: of the row, from 1, the header not counted and empty lines neither.
        line: of the file on which it begins, from 1; where a format has no lines, the row as its program counts.
        values: by column; JSON values.
    """

    number: int
    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be read; the others can. See InputRow."""

    number: int
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a text file a row begins.

    Attributes:
        at: what io.TextIOWrapper.tell() says there. It is the byte, with the state of the decoder where that has one.
        line: from 1.
    """

    at: int = 0
    line: int = 1


@dataclass(frozen=True, slots=True)
class PlacedRows:
    """Rows of a text file that is read in several goes.

    Attributes:
        rows: one at a time.
        position: where the next one begins: reading from there gives those that are left.
    """

    rows: Iterator[InputRow | BadRow]
    position: Callable[[], Position]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file that is being read.

    Attributes:
        columns: in their order. Of JSON Lines those of the first rows: later ones may have others.
        rows: one at a time; memory doesn't grow with the file.
    """

    columns: Sequence[str]
    rows: Iterator[InputRow | BadRow]


def column_names(header: Sequence[Any]) -> list[str]:
    """The header's names, each made different from the others: `column 3` for an empty one, `text (2)` for a second.

    Raises:
        DatasetError: there is none, or there are more than 1,000.
    """
    if not any(str(name or "").strip() for name in header):
        raise DatasetError("The first row has no names of columns.")
    if len(header) > MAX_COLUMNS:
        raise DatasetError(f"The first row has {len(header)} columns; {MAX_COLUMNS} are allowed.")
    names: list[str] = []
    taken: set[str] = set()
    for number, given in enumerate(header, 1):
        base = str(given).strip() if given is not None else ""
        base = base or f"column {number}"
        name, copy = base, 1
        while name in taken:
            copy += 1
            name = f"{base} ({copy})"
        taken.add(name)
        names.append(name)
    return names


def row_of(columns: Sequence[str], cells: Sequence[Any], number: int, line: int) -> InputRow | BadRow:
    """A row of a table. Cells behind the last column may be there if they are empty."""
    given = len(cells)
    while given > len(columns) and cells[given - 1] in ("", None):
        given -= 1
    if given != len(columns):
        return BadRow(number, line, f"{_count(given, 'cell')} where the header has {len(columns)}")
    return InputRow(number, line, dict(zip(columns, cells, strict=False)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
