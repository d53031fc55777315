"""Reads CSV and TSV: one row at a time, and past rows that are broken.

A row is read by Python's csv module in strict mode. Where that fails (a quote that isn't closed, text behind a closing
quote) the row is refused at its first line, and reading goes on with the next line: one stray quote doesn't swallow
the rest of the file.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from shared.datasets.rows import MAX_RECORD_CHARS, BadRow, Dataset, DatasetError, InputRow, column_names, row_of

MAX_RECORD_LINES = 1_000
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
    csv.field_size_limit(MAX_RECORD_CHARS)
    lines = _Lines(text_of(file, encoding), encoding)
    while (start := lines.take()) is not None and not start.strip():
        pass
    if start is None:
        raise DatasetError("The file is empty.")
    separator = delimiter or _delimiter_of(start)
    lines.put_back([start])
    header = lines.record(separator)
    if isinstance(header, str):
        raise DatasetError(f"The header can't be read: {header}.")
    if problem := _damage(header, lines.encoding):
        raise DatasetError(f"The header can't be read: {problem}.")
    columns = column_names(header)
    return Dataset(columns, _rows(lines, separator, columns))


def text_of(file: BinaryIO, encoding: str | None) -> io.TextIOWrapper:
    """A file as text. Bytes that don't fit the encoding become lone surrogates, so that rows can be told from others.

    Raises:
        DatasetError: the encoding is unknown.
    """
    first = file.read(4)
    file.seek(0)
    found = next((name for bom, name in _BOMS if first.startswith(bom)), "utf-8")
    try:
        return io.TextIOWrapper(file, encoding=encoding or found, errors="surrogateescape", newline="")
    except LookupError:
        raise DatasetError(f"There is no encoding {encoding!r}. Try utf-8, cp1252 or utf-16.") from None


def damage(text: str, encoding: str | None) -> str | None:
    """What is wrong with a text that was read so; None where nothing is."""
    if text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text):
        return None
    return f"bytes that aren't {encoding or 'UTF-8'}: give the file's encoding, such as --encoding cp1252"


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


class _Lines:
    """Lines of a file, some of which may be put back. `number` is that of the line that comes next."""

    def __init__(self, text: io.TextIOWrapper, encoding: str | None) -> None:
        self._text = text
        self._back: deque[str] = deque()
        self.encoding = encoding
        self.number = 1

    def take(self) -> str | None:
        """The next line with its end; None at the end. Of one that is too long only the beginning."""
        if self._back:
            line = self._back.popleft()
        else:
            try:
                line = self._text.readline(MAX_RECORD_CHARS + 1)
                if len(line) > MAX_RECORD_CHARS:
                    while (rest := self._text.readline(MAX_RECORD_CHARS)) and not rest.endswith(("\n", "\r")):
                        pass
            except UnicodeError:
                raise DatasetError(f"Line {self.number} and what follows isn't {self._text.encoding}.") from None
        if not line:
            return None
        self.number += 1
        return line

    def put_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)

    def record(self, delimiter: str) -> list[str] | str:
        """The cells of the next record, or why it can't be read; then only its first line is used up."""
        used: list[str] = []

        def feed() -> Iterator[str]:
            length = 0
            while (line := self.take()) is not None:
                used.append(line)
                length += len(line)
                if length > MAX_RECORD_CHARS or len(used) > MAX_RECORD_LINES:
                    raise _TooLongError
                yield line

        try:
            return next(csv.reader(feed(), delimiter=delimiter, strict=True))
        except _TooLongError:
            problem = _ENDLESS if len(used) == 1 else _UNCLOSED
        except csv.Error as error:
            text = str(error)
            problem = "a quote isn't closed" if "unexpected end of data" in text else f"not valid CSV: {text}"
        self.put_back(used[1:])
        return problem


def _rows(lines: _Lines, delimiter: str, columns: list[str]) -> Iterator[InputRow | BadRow]:
    number = 0
    while True:
        line = lines.number
        first = lines.take()
        if first is None:
            return
        if not first.strip("\r\n"):
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
