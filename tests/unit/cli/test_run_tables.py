import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.run_files import open_dataset
from cli.run_tables import open_table
from shared.datasets.rows import InputRow
from shared.errors import ConfigurationError
from shared.runs.table_cells import neutral

COLUMNS = ["text", "result_status", "result_sentiment_score"]
ROWS: list[list[Any]] = [["=HYPERLINK(1)", "succeeded", 0.5], ["-5", "failed", None], ["two\nlines, ü", "rejected", 1]]


def write(path: Path, rows: list[list[Any]] = ROWS) -> None:
    with open_table(path, COLUMNS) as add:
        for cells in rows:
            add(cells, {"cells": cells})


def test_csv_has_no_formulas(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            COLUMNS,
            ["'=HYPERLINK(1)", "succeeded", "0.5"],
            ["-5", "failed", ""],
            ["two\nlines, ü", "rejected", "1"],
        ]


def test_a_sheet_holds_text_as_text(tmp_path: Path) -> None:
    write(tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert sheet is not None
    assert [cell.value for cell in sheet[2]] == ["=HYPERLINK(1)", "succeeded", 0.5]
    assert sheet["A2"].data_type == "s", "no formula"
    assert [cell.value for cell in sheet[4]] == ["two\nlines, ü", "rejected", 1]


def test_parquet_keeps_numbers(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    with open_dataset(tmp_path / "a.parquet") as found:
        rows = [list(row.values.values()) for row in found.rows if isinstance(row, InputRow)]
    assert rows == [["=HYPERLINK(1)", "succeeded", 0.5], ["-5", "failed", None], ["two\nlines, ü", "rejected", 1.0]]


def test_json_lines_hold_rows_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl")
    assert [json.loads(line)["cells"] for line in (tmp_path / "a.jsonl").read_text().splitlines()] == ROWS


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet", "a.jsonl"])
def test_an_export_that_is_cut_off_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("an earlier export")

    def cut_off() -> None:
        with open_table(tmp_path / name, COLUMNS) as add:
            add(ROWS[0], {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        cut_off()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "an earlier export"


def test_other_formats_are_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"\.csv, \.xlsx, \.jsonl, \.parquet"),
        open_table(tmp_path / "a.pdf", COLUMNS),
    ):
        pass


@given(st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    found = neutral(text)
    assert found.removeprefix("'") == text or found == text
    if found[:1] in "=+-@\t\r\n" and found:
        assert float(found.replace(",", ".")) is not None, "a plain number"


CELL = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8))
def test_parquet_takes_whatever_is_in_a_column(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any]]
) -> None:
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    write(path, [list(row) for row in rows])
    with open_dataset(path) as found:
        read = [list(row.values.values()) for row in found.rows if isinstance(row, InputRow)]
    assert len(read) == len(rows)
    for before, after in zip(rows, read, strict=True):
        for given_cell, cell in zip(before, after, strict=True):
            lost = isinstance(given_cell, float) and abs(given_cell) == float("inf")
            assert (given_cell is None or lost) == (cell is None) or cell == str(given_cell)
