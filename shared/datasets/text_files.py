"""Text files of rows, by the ends of their names: read from the beginning, or on from where a row begins."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import BinaryIO

from shared.datasets.delimited import begin_delimited, marked_encoding, resume_delimited
from shared.datasets.json_lines import columns_of, resume_json_lines
from shared.datasets.rows import BadRow, DatasetError, InputRow, PlacedRows, Position

_EXAMPLES = 100
_EXAMPLE_BYTES = 4_000_000


class TextFormat(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON_LINES = "json_lines"


ENDS: dict[str, tuple[TextFormat, str | None]] = {
    ".csv": (TextFormat.TABLE, None),
    ".txt": (TextFormat.TABLE, None),
    ".tsv": (TextFormat.TABLE, "\t"),
    ".tab": (TextFormat.TABLE, "\t"),
    ".jsonl": (TextFormat.JSON_LINES, None),
    ".ndjson": (TextFormat.JSON_LINES, None),
}
"""By the end of a file's name: its format, and the delimiter that it says."""


@dataclass(frozen=True, slots=True)
class TextForm:
    """What has to be known to read on in a file.

    Attributes:
        columns: of a table; of JSON Lines those of the first rows.
        delimiter: of a table.
    """

    format: TextFormat
    columns: tuple[str, ...]
    encoding: str
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """A file that was looked at.

    Attributes:
        position: of the first row.
        first: some rows.
    """

    form: TextForm
    position: Position
    first: list[InputRow | BadRow]


def look_at(
    file: BinaryIO, kind: TextFormat, *, delimiter: str | None = None, encoding: str | None = None
) -> Beginning:
    """Read the first hundred rows, or megabytes.

    Args:
        delimiter: None for the one that the header has most.
        encoding: None for what the byte order mark says, else UTF-8.

    Raises:
        DatasetError: it can't be read at all, or has no rows.
    """
    encoding = encoding or marked_encoding(file)
    if kind is TextFormat.TABLE:
        columns, separator, found = begin_delimited(file, delimiter=delimiter, encoding=encoding)
        form = TextForm(kind, tuple(columns), encoding, separator)
    else:
        found = resume_json_lines(file, Position(), encoding=encoding, read=0)
        form = TextForm(kind, (), encoding)
    position, first = found.position(), []
    for row in islice(found.rows, _EXAMPLES):
        first.append(row)
        if file.tell() > _EXAMPLE_BYTES:
            break
    if not first:
        raise DatasetError("The file has no rows.")
    if kind is TextFormat.JSON_LINES:
        form = TextForm(kind, tuple(columns_of(first)), encoding)
    return Beginning(form, position, first)


def read_on(file: BinaryIO, form: TextForm, position: Position, read: int) -> PlacedRows:
    """The rows from a position on.

    Args:
        read: rows before it.

    Raises:
        DatasetError: while reading, too: what follows isn't of this encoding.
    """
    if form.format is TextFormat.JSON_LINES:
        return resume_json_lines(file, position, encoding=form.encoding, read=read)
    return resume_delimited(
        file, position, columns=form.columns, delimiter=form.delimiter or ",", encoding=form.encoding, read=read
    )
