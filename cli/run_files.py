"""Opens the files that runs are started with, by the ends of their names."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared.datasets.delimited import read_delimited
from shared.datasets.json_lines import read_json_lines
from shared.datasets.rows import BadRow, Dataset, DatasetError, InputRow, column_names, row_of
from shared.datasets.text_files import ENDS, TextFormat

FORMATS = "CSV, TSV, XLSX, JSON Lines (.jsonl) or Parquet"


@contextmanager
def open_dataset(path: Path, *, delimiter: str | None = None, encoding: str | None = None) -> Iterator[Dataset]:
    """Open a file.

    Raises:
        DatasetError: it can't be read at all, or its name says nothing of its format.
        OSError: it isn't there.
    """
    suffix = path.suffix.lower()
    if suffix not in (*ENDS, ".xlsx", ".xlsm", ".parquet"):
        raise DatasetError(f"What kind of file is {path.name}? Runs are started with {FORMATS}, or a folder of audio.")
    with path.open("rb") as file:
        kind, usual = ENDS.get(suffix, (None, None))
        if kind is TextFormat.TABLE:
            yield read_delimited(file, delimiter=delimiter or usual, encoding=encoding)
        elif kind is TextFormat.JSON_LINES:
            yield read_json_lines(file, encoding=encoding)
        elif suffix == ".parquet":
            yield _read_parquet(path)
        else:
            with _workbook(path) as dataset:
                yield dataset


@contextmanager
def _workbook(path: Path) -> Iterator[Dataset]:
    """The first sheet. A cell with a formula counts with the value that was stored with it."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise DatasetError(f"{path.name} can't be read as XLSX ({type(error).__name__}).") from error
    try:
        if not book.worksheets:
            raise DatasetError(f"{path.name} has no sheet.")
        rows = book.worksheets[0].iter_rows(values_only=True)
        filled = ((line, row) for line, row in enumerate(rows, 1) if any(cell not in (None, "") for cell in row))
        line, header = next(filled, (0, ()))
        while header and header[-1] in (None, ""):
            header = header[:-1]
        columns = column_names(header)
        yield Dataset(columns, _sheet_rows(rows, columns, line + 1))
    finally:
        book.close()


def _sheet_rows(rows: Iterator[tuple[Any, ...]], columns: list[str], first: int) -> Iterator[InputRow | BadRow]:
    number = 0
    for line, cells in enumerate(rows, first):
        if all(cell in (None, "") for cell in cells):
            continue
        number += 1
        # A sheet ends a row with its last filled cell.
        values = [_json_value(cell) for cell in cells] + [None] * (len(columns) - len(cells))
        yield row_of(columns, values, number, line)


def _read_parquet(path: Path) -> Dataset:
    import arro3.io

    with path.open("rb") as file:
        if file.read(4) != b"PAR1":  # Apache Parquet, "File format"
            raise DatasetError(f"{path.name} can't be read as Parquet.")
    with _parquet_errors(f"{path.name} can't be read as Parquet."):
        reader: Any = arro3.io.read_parquet(path)
        columns = column_names([field.name for field in reader.schema])
    return Dataset(columns, _parquet_rows(reader, columns, path.name))


def _parquet_rows(reader: Any, columns: list[str], name: str) -> Iterator[InputRow | BadRow]:
    number = 0
    while True:
        with _parquet_errors(f"{name} can't be read as Parquet from row {number + 1} on."):
            batch = next(reader, None)
            if batch is None:
                return
            table = [[_json_value(value.as_py()) for value in batch.column(i)] for i in range(batch.num_columns)]
        for cells in zip(*table, strict=True):
            number += 1
            yield row_of(columns, cells, number, number)


@contextmanager
def _parquet_errors(text: str) -> Iterator[None]:
    """The library has its own kinds of errors without a common base; what it didn't foresee isn't even an Exception."""
    try:
        yield
    except (DatasetError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise DatasetError(text) from error


def _json_value(value: Any) -> Any:
    """A cell as JSON has it: times in ISO 8601, bytes as text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if abs(value) < float("inf") else None  # of "not a number", too: no comparison holds
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal() | timedelta():
            return str(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case list() | tuple():
            return [_json_value(item) for item in value]
        case dict():
            return {str(key): _json_value(item) for key, item in value.items()}
        case _:
            return str(value)
