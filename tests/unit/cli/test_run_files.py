from datetime import UTC, datetime
from pathlib import Path

import arro3.core as arrow
import arro3.io
import openpyxl
import pytest

from cli.run_files import open_dataset
from shared.datasets.rows import DatasetError, InputRow


def rows(path: Path) -> list[tuple[int, dict[str, object]]]:
    with open_dataset(path) as found:
        return [(row.line, dict(row.values)) for row in found.rows if isinstance(row, InputRow)]


def test_a_sheet_is_read_with_the_values_of_its_formulas(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for cells in (
        [None],
        ["text", "rating", "when"],
        ["good", 5, datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None)],
        [None],
        ["=1+1", 4],
    ):
        sheet.append(cells)
    book.save(tmp_path / "a.xlsx")
    # openpyxl stores no value with a formula, as nobody has computed it.
    assert rows(tmp_path / "a.xlsx") == [
        (3, {"text": "good", "rating": 5, "when": "2026-01-02T00:00:00"}),
        (5, {"text": None, "rating": 4, "when": None}),
    ]


def test_parquet_is_read_in_batches(tmp_path: Path) -> None:
    names = arrow.Array([f"comment {n}" for n in range(5000)], arrow.DataType.string())
    stars = arrow.Array([None if n % 2 else n for n in range(5000)], arrow.DataType.int64())
    arro3.io.write_parquet(arrow.Table.from_pydict({"text": names, "stars": stars}), tmp_path / "a.parquet")
    found = rows(tmp_path / "a.parquet")
    assert len(found) == 5000
    assert found[4999] == (5000, {"text": "comment 4999", "stars": None})


def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DatasetError):
        rows(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet", "a.pdf", "a.csv"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"" if name == "a.csv" else b"this is something else")
    with pytest.raises(DatasetError):
        rows(tmp_path / name)
