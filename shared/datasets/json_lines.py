"""Reads JSON Lines: an object a line."""

import itertools
import json
from collections.abc import Iterator
from typing import BinaryIO

from shared.datasets.delimited import damage, text_of
from shared.datasets.rows import MAX_COLUMNS, MAX_RECORD_CHARS, BadRow, Dataset, DatasetError, InputRow

_LOOKED_AT = 100


def read_json_lines(file: BinaryIO, *, encoding: str | None = None) -> Dataset:
    """Read objects. Empty lines are left out.

    Raises:
        DatasetError: the encoding is unknown, or none of the first 100 lines is an object.
    """
    rows = _rows(file, encoding)
    first = list(itertools.islice(rows, _LOOKED_AT))
    columns = list(dict.fromkeys(name for row in first if isinstance(row, InputRow) for name in row.values))
    if not columns:
        raise DatasetError("None of the first lines is a JSON object with fields.")
    return Dataset(columns, itertools.chain(first, rows))


def _rows(file: BinaryIO, encoding: str | None) -> Iterator[InputRow | BadRow]:
    text = text_of(file, encoding)
    number, line_number = 0, 0
    while True:
        try:
            line = text.readline(MAX_RECORD_CHARS + 1)
        except UnicodeError:
            raise DatasetError(f"Line {line_number + 1} and what follows isn't {text.encoding}.") from None
        if not line:
            return
        line_number += 1
        if len(line) > MAX_RECORD_CHARS:
            while (rest := text.readline(MAX_RECORD_CHARS)) and not rest.endswith(("\n", "\r")):
                pass
            number += 1
            yield BadRow(number, line_number, f"longer than {MAX_RECORD_CHARS:,} characters")
        elif line.strip():
            number += 1
            yield _row(line, number, line_number, encoding)


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
