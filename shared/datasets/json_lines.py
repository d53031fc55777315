"""Reads JSON Lines: an object a line."""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.datasets.delimited import damage, next_line, text_of
from shared.datasets.rows import (
    MAX_COLUMNS,
    MAX_RECORD_CHARS,
    BadRow,
    Dataset,
    DatasetError,
    InputRow,
    PlacedRows,
    Position,
)

_LOOKED_AT = 100


def read_json_lines(file: BinaryIO, *, encoding: str | None = None) -> Dataset:
    """Read objects. Empty lines are left out.

    Raises:
        DatasetError: the encoding is unknown, or none of the first 100 lines is an object.
    """
    rows = resume_json_lines(file, Position(), encoding=encoding, read=0).rows
    first = list(itertools.islice(rows, _LOOKED_AT))
    return Dataset(columns_of(first), itertools.chain(first, rows))


def resume_json_lines(file: BinaryIO, position: Position, *, encoding: str | None, read: int) -> PlacedRows:
    """Read on in a file of objects.

    Args:
        position: that a row had, when the file was read with the same encoding; the first one for its beginning.
        read: rows before it.

    Raises:
        DatasetError: the encoding is unknown.
    """
    text = text_of(file, encoding, position.at)
    lines = _Lines(text, position.line)
    return PlacedRows(_rows(lines, encoding, read), lambda: Position(text.tell(), lines.number))


def columns_of(rows: Iterable[InputRow | BadRow]) -> list[str]:
    """The fields that these rows have.

    Raises:
        DatasetError: none.
    """
    columns = list(dict.fromkeys(name for row in rows if isinstance(row, InputRow) for name in row.values))
    if not columns:
        raise DatasetError("None of the first lines is a JSON object with fields.")
    return columns


@dataclass(slots=True)
class _Lines:
    """Lines of a file. `number` is that of the line that comes next."""

    text: io.TextIOWrapper
    number: int

    def take(self) -> str:
        line = next_line(self.text, self.number)
        self.number += bool(line)
        return line


def _rows(lines: _Lines, encoding: str | None, read: int) -> Iterator[InputRow | BadRow]:
    number = read
    while line := lines.take():
        if len(line) > MAX_RECORD_CHARS:
            number += 1
            yield BadRow(number, lines.number - 1, f"longer than {MAX_RECORD_CHARS:,} characters")
        elif line.strip():
            number += 1
            yield _row(line, number, lines.number - 1, encoding)


def _row(line: str, number: int, line_number: int, encoding: str | None) -> InputRow | BadRow:
    if problem := damage(line, encoding):
        return BadRow(number, line_number, problem)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(number, line_number, f"not JSON: {getattr(error, 'msg', 'nested too deeply')}")
    if not isinstance(value, dict):
        return BadRow(number, line_number, "not a JSON object")
    if len(value) > MAX_COLUMNS:
        return BadRow(number, line_number, f"{len(value)} fields; {MAX_COLUMNS} are allowed")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return BadRow(number, line_number, "a number or character that JSON can't hold")
    return InputRow(number, line_number, value)
