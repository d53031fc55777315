"""Writes tables of results row by row: CSV, XLSX, JSON Lines, Parquet."""

import csv
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

from shared.errors import ConfigurationError
from shared.messages import to_json
from shared.runs.table_cells import neutral

XLSX_MAX_ROWS = 1_048_576  # Microsoft, "Excel specifications and limits"
XLSX_MAX_CHARS = 32_767
_BATCH = 1_000


class TooManyRowsError(ConfigurationError):
    """A sheet can't hold so many rows."""

    code = "too_many_rows"


type RowWriter = Callable[[Sequence[Any], Mapping[str, Any]], None]
"""Takes rows in the order in which they are to stand: by column, and whole, for formats that hold more than cells."""


@contextmanager
def open_table(path: Path, columns: Sequence[str]) -> Iterator[RowWriter]:
    """A table at this path, which is there only once all rows were written.

    Raises:
        ConfigurationError: the path's end says nothing of a format.
        OSError: it can't be written.
    """
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise ConfigurationError(f"What kind of file is {path.name}? It may end in {', '.join(_FORMS)}.")
    partial = path.with_name(f".{path.name}.part")
    try:
        with form(partial, columns) as write:
            yield write
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _csv(path: Path, columns: Sequence[str]) -> Iterator[RowWriter]:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # with a mark, without which Excel guesses
        writer = csv.writer(file)
        writer.writerow([neutral(name) for name in columns])
        yield lambda cells, _row: writer.writerow([neutral(cell) for cell in cells])


@contextmanager
def _json_lines(path: Path, columns: Sequence[str]) -> Iterator[RowWriter]:  # noqa: ARG001 - fields have their names
    with path.open("w", encoding="utf-8") as file:
        yield lambda _cells, row: print(to_json(row), file=file)


@contextmanager
def _xlsx(path: Path, columns: Sequence[str]) -> Iterator[RowWriter]:
    import xlsxwriter

    # Text stays text: no cell becomes a formula, link or number by what it begins with.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(str(path), options)
    sheet = book.add_worksheet("results")
    bold = book.add_format({"bold": True})
    for column, name in enumerate(columns):
        sheet.write_string(0, column, name, bold)
    sheet.freeze_panes(1, 0)
    count = 0

    def write(cells: Sequence[Any], _row: Mapping[str, Any]) -> None:
        nonlocal count
        count += 1
        if count >= XLSX_MAX_ROWS:
            raise TooManyRowsError(f"A sheet holds {XLSX_MAX_ROWS:,} rows. Export as .csv, .jsonl or .parquet.")
        for column, cell in enumerate(cells):
            if isinstance(cell, bool):
                sheet.write_boolean(count, column, cell)
            elif isinstance(cell, int | float):
                sheet.write_number(count, column, cell)
            elif cell is not None:
                sheet.write_string(count, column, str(cell)[:XLSX_MAX_CHARS])

    try:
        yield write
    finally:
        book.close()


@contextmanager
def _parquet(path: Path, columns: Sequence[str]) -> Iterator[RowWriter]:
    """By way of a file of JSON lines: the library pulls rows, and wants to know first what the columns hold."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent) as kept:
        types: list[type | None] = [None] * len(columns)

        def write(cells: Sequence[Any], _row: Mapping[str, Any]) -> None:
            for column, cell in enumerate(cells):
                types[column] = _common(types[column], cell)
            print(to_json(list(cells)), file=kept)

        yield write
        kept.seek(0)
        _write_parquet(path, columns, types, kept)


def _common(known: type | None, cell: Any) -> type | None:
    """What a column holds: whole numbers, numbers, truth values, or else text."""
    if cell is None:
        return known
    found = type(cell) if isinstance(cell, bool | int | float) else str
    if found is int and abs(cell) >= 2**63:
        found = float
    if known in (None, found):
        return found
    return float if {known, found} == {int, float} else str


def _write_parquet(path: Path, columns: Sequence[str], types: Sequence[type | None], lines: IO[str]) -> None:
    import arro3.core as arrow
    import arro3.io

    of_type = {
        bool: arrow.DataType.bool(),
        int: arrow.DataType.int64(),
        float: arrow.DataType.float64(),
        str: arrow.DataType.string(),
    }
    kinds = [found or str for found in types]
    schema = arrow.Schema(
        [arrow.Field(name, of_type[kind], nullable=True) for name, kind in zip(columns, kinds, strict=True)]
    )

    def batches() -> Iterator[arrow.RecordBatch]:
        while some := [json.loads(line) for line in islice(lines, _BATCH)]:
            arrays = [
                arrow.Array([None if row[n] is None else kind(row[n]) for row in some], of_type[kind])
                for n, kind in enumerate(kinds)
            ]
            yield arrow.RecordBatch.from_arrays(arrays, schema=schema)

    reader = arrow.RecordBatchReader.from_batches(schema, batches())
    arro3.io.write_parquet(reader, path, compression="zstd(3)", max_row_group_size=20_000)


_FORMS = {".csv": _csv, ".xlsx": _xlsx, ".jsonl": _json_lines, ".parquet": _parquet}
