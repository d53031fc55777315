"""Reads CSV and TSV: one row at a time, and past rows that are broken.

A row is read by Python's csv module in strict mode. Where that fails (a quote that isn't closed, text behind a closing
quote) the row is refused at its first line, and reading goes on with the next line: one stray quote doesn't swallow
the rest of the file.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from shared.datasets.rows import (
    MAX_RECORD_CHARS,
    BadRow,
    Dataset,
    DatasetError,
    InputRow,
    PlacedRows,
    Position,
    column_names,
    row_of,
)

MAX_RECORD_LINES = 1_000
MAX_LINE_CHARS = 250_000_000
"""A file with a longer line is none with rows: looking for its end would take minutes."""
_ENDLESS = f"longer than {MAX_RECORD_CHARS:,} characters"
_UNCLOSED = f"a quote isn't closed within {MAX_RECORD_LINES:,} lines"
_DELIMITERS = ",;\t|"
_BOMS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _TooLongError(Exception):
    """A row has more lines or characters than one may have."""


def read_delimited(file: BinaryIO, *, delimiter: str | None = None, encoding: str | None = None) -> Dataset:
    """Read a table whose first row has the names of its columns.

    Args:
        file: seekable.
        delimiter: one character; None finds out of , ; tab and | which the header has most.
        encoding: None for what the byte order mark says, else UTF-8.

    Raises:
        DatasetError: there is no header, the encoding is unknown, or the file isn't text at all.
    """
    lines = _Lines(text_of(file, encoding), encoding)
    columns, separator = _header(lines, delimiter)
    return Dataset(columns, _rows(lines, separator, columns))


def begin_delimited(
    file: BinaryIO, *, delimiter: str | None = None, encoding: str | None = None
) -> tuple[list[str], str, PlacedRows]:
    """Read the header of a table, to go on in several goes: columns, delimiter, rows. See read_delimited."""
    lines = _Lines(text_of(file, encoding), encoding, placed=True)
    columns, separator = _header(lines, delimiter)
    return columns, separator, PlacedRows(_rows(lines, separator, columns), lambda: lines.position)


def resume_delimited(
    file: BinaryIO, position: Position, *, columns: Sequence[str], delimiter: str, encoding: str | None, read: int
) -> PlacedRows:
    """Read on in a table.

    Args:
        position: that a row had, when the file was read with the same delimiter and encoding.
        read: rows before it.

    Raises:
        DatasetError: see read_delimited.
    """
    lines = _Lines(text_of(file, encoding, position.at), encoding, placed=True)
    lines.number = position.line
    return PlacedRows(_rows(lines, delimiter, columns, read), lambda: lines.position)


def _header(lines: "_Lines", delimiter: str | None) -> tuple[list[str], str]:
    """The names of the columns, and what is between them."""
    while (start := lines.take()) is not None and not start.text.strip():
        pass
    if start is None:
        raise DatasetError("The file is empty.")
    separator = delimiter or _delimiter_of(start.text)
    lines.put_back([start])
    header = lines.record(separator)
    if isinstance(header, str):
        raise DatasetError(f"The header can't be read: {header}.")
    if problem := _damage(header, lines.encoding):
        raise DatasetError(f"The header can't be read: {problem}.")
    return column_names(header), separator


def text_of(file: BinaryIO, encoding: str | None, at: int = 0) -> io.TextIOWrapper:
    """A file as text. Bytes that don't fit the encoding become lone surrogates, so that rows can be told from others.

    Args:
        encoding: None for what the byte order mark says.
        at: where to begin (Position).

    Raises:
        DatasetError: the encoding is unknown.
    """
    try:
        text = io.TextIOWrapper(file, encoding or marked_encoding(file), errors="surrogateescape", newline="")
    except LookupError:
        raise DatasetError(f"There is no encoding {encoding!r}. Try utf-8, cp1252 or utf-16.") from None
    if at:
        text.seek(at)
    return text


def marked_encoding(file: BinaryIO) -> str:
    """What the byte order mark says; without one it is UTF-8."""
    first = file.read(4)
    file.seek(0)
    return next((name for bom, name in _BOMS if first.startswith(bom)), "utf-8")


def next_line(text: io.TextIOWrapper, number: int) -> str:
    """The next line with its end; empty at the end of the file. Of one that is too long only the beginning.

    Args:
        number: of the line, for the error.

    Raises:
        DatasetError: what follows isn't of this encoding, or one endless line.
    """
    try:
        line = text.readline(MAX_RECORD_CHARS + 1)
        length = len(line)
        if length > MAX_RECORD_CHARS:
            while (rest := text.readline(MAX_RECORD_CHARS)) and not rest.endswith(("\n", "\r")):
                length += len(rest)
                if length > MAX_LINE_CHARS:
                    raise DatasetError(f"Line {number} is longer than {MAX_LINE_CHARS:,} characters.")
    except UnicodeError:
        raise DatasetError(f"Line {number} and what follows isn't {text.encoding}.") from None
    return line


def damage(text: str, encoding: str | None) -> str | None:
    """What is wrong with a text that was read so; None where nothing is."""
    if text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text):
        return None
    return f"bytes that aren't {encoding or 'UTF-8'}: give the file's encoding (--encoding), such as cp1252"


def _damage(cells: list[str], encoding: str | None) -> str | None:
    return next((problem for cell in cells if (problem := damage(cell, encoding))), None)


def _delimiter_of(header: str) -> str:
    """Of those outside quotes the one that is there most often; a comma where there is none."""
    counts = dict.fromkeys(_DELIMITERS, 0)
    quoted = False
    for character in header:
        if character == '"':
            quoted = not quoted
        elif not quoted and character in counts:
            counts[character] += 1
    return max(_DELIMITERS, key=lambda one: counts[one])


class _Line(NamedTuple):
    """A line with its end, and where it begins."""

    text: str
    at: int


class _Lines:
    """Lines of a file, some of which may be put back. `number` is that of the line that comes next.

    Args:
        placed: whether it is noted where each begins, which costs some microseconds.
    """

    def __init__(self, text: io.TextIOWrapper, encoding: str | None, *, placed: bool = False) -> None:
        self._text = text
        self._placed = placed
        self._back: deque[_Line] = deque()
        self.encoding = encoding
        self.number = 1

    @property
    def position(self) -> Position:
        """Where the line begins that comes next."""
        return Position(self._back[0].at if self._back else self._text.tell(), self.number)

    def take(self) -> _Line | None:
        """The next line; None at the end. Of one that is too long only the beginning."""
        if self._back:
            line = self._back.popleft()
        else:
            at = self._text.tell() if self._placed else 0
            line = _Line(next_line(self._text, self.number), at)
        if not line.text:
            return None
        self.number += 1
        return line

    def put_back(self, lines: list[_Line]) -> None:
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)

    def record(self, delimiter: str) -> list[str] | str:
        """The cells of the next record, or why it can't be read; then only its first line is used up."""
        csv.field_size_limit(MAX_RECORD_CHARS)
        used: list[_Line] = []

        def feed() -> Iterator[str]:
            length = 0
            while (line := self.take()) is not None:
                used.append(line)
                length += len(line.text)
                if length > MAX_RECORD_CHARS or len(used) > MAX_RECORD_LINES:
                    raise _TooLongError
                yield line.text

        try:
            return next(csv.reader(feed(), delimiter=delimiter, strict=True))
        except _TooLongError:
            problem = _ENDLESS if len(used) == 1 else _UNCLOSED
        except csv.Error as error:
            text = str(error)
            problem = "a quote isn't closed" if "unexpected end of data" in text else f"not valid CSV: {text}"
        self.put_back(used[1:])
        return problem


def _rows(lines: _Lines, delimiter: str, columns: Sequence[str], read: int = 0) -> Iterator[InputRow | BadRow]:
    number = read
    while True:
        line = lines.number
        first = lines.take()
        if first is None:
            return
        if not first.text.strip("\r\n"):
            continue
        lines.put_back([first])
        number += 1
        cells = lines.record(delimiter)
        if isinstance(cells, str):
            yield BadRow(number, line, cells)
        elif problem := _damage(cells, lines.encoding):
            yield BadRow(number, line, problem)
        else:
            yield row_of(columns, cells, number, line)
