import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.datasets.delimited import MAX_RECORD_LINES, read_delimited
from shared.datasets.rows import MAX_RECORD_CHARS, BadRow, DatasetError, InputRow


def read(data: bytes | str, **options: str) -> tuple[list[str], list[InputRow | BadRow]]:
    found = read_delimited(io.BytesIO(data.encode() if isinstance(data, str) else data), **options)
    return list(found.columns), list(found.rows)


def good(rows: list[InputRow | BadRow]) -> list[tuple[int, int, list[str]]]:
    return [(row.number, row.line, list(row.values.values())) for row in rows if isinstance(row, InputRow)]


def bad(rows: list[InputRow | BadRow]) -> list[tuple[int, int, str]]:
    return [(row.number, row.line, row.reason) for row in rows if isinstance(row, BadRow)]


def test_rows_and_lines_are_numbered() -> None:
    columns, rows = read('id,text\n1,"two\nlines"\n\n2,one\n')
    assert columns == ["id", "text"]
    assert good(rows) == [(1, 2, ["1", "two\nlines"]), (2, 5, ["2", "one"])]


@pytest.mark.parametrize(
    ("data", "delimiter"), [("a,b\n1,2\n", ","), ("a;b\n1;2\n", ";"), ("a\tb\n1\t2\n", "\t"), ('"a,b,c"|b\n1|2\n', "|")]
)
def test_the_delimiter_is_the_one_that_the_header_has_most(data: str, delimiter: str) -> None:
    columns, rows = read(data)
    assert columns[1] == "b"
    assert good(rows) == [(1, 2, ["1", "2"])], delimiter


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(encoding: str) -> None:
    assert good(read("text\nschön\n".encode(encoding))[1]) == [(1, 2, ["schön"])]


def test_rows_of_another_encoding_are_refused_and_read_when_it_is_said() -> None:
    data = "text\nplain\nschön\n".encode("cp1252")
    _, rows = read(data)
    assert good(rows) == [(1, 2, ["plain"])]
    ((number, line, reason),) = bad(rows)
    assert (number, line) == (2, 3)
    assert "--encoding" in reason
    assert good(read(data, encoding="cp1252")[1]) == [(1, 2, ["plain"]), (2, 3, ["schön"])]
    with pytest.raises(DatasetError, match="no encoding"):
        read(data, encoding="martian")


def test_ragged_rows_are_refused_but_not_empty_cells_behind_the_last_column() -> None:
    _, rows = read("a,b\n1\n1,2\n1,2,3\n1,2,,\n")
    assert good(rows) == [(2, 3, ["1", "2"]), (4, 5, ["1", "2"])]
    assert bad(rows) == [(1, 2, "1 cell where the header has 2"), (3, 4, "3 cells where the header has 2")]


def test_an_unclosed_quote_costs_one_row() -> None:
    _, rows = read('a,b\n1,fine\n2,"open\n3,fine\n4,"also ""fine"""\n')
    assert [row.values["a"] for row in rows if isinstance(row, InputRow)] == ["1", "3", "4"]
    assert bad(rows) == [(2, 3, "a quote isn't closed")] or "not valid CSV" in bad(rows)[0][2]


def test_a_quote_that_is_never_closed_costs_one_row_of_a_long_file() -> None:
    _, rows = read('a\n"open\n' + "fine\n" * (2 * MAX_RECORD_LINES))
    assert len(good(rows)) == 2 * MAX_RECORD_LINES
    assert bad(rows) == [(1, 2, f"a quote isn't closed within {MAX_RECORD_LINES:,} lines")]


def test_ten_megabytes_in_a_cell_are_read_and_more_than_a_row_may_have_are_refused() -> None:
    _, rows = read("a\n" + "x" * 10_000_000 + "\nnext\n")
    assert [len(cells[0]) for _, _, cells in good(rows)] == [10_000_000, 4]
    _, rows = read("a\n" + "x" * (MAX_RECORD_CHARS + 1) + "\nnext\n")
    assert good(rows) == [(2, 3, ["next"])]
    assert bad(rows) == [(1, 2, f"longer than {MAX_RECORD_CHARS:,} characters")]


@pytest.mark.parametrize("data", ["", "\n\n", ",,\n1,2,3\n", '"a\n'])
def test_without_a_header_nothing_is_read(data: str) -> None:
    with pytest.raises(DatasetError):
        read(data)


def test_columns_get_names_of_their_own() -> None:
    assert read("a,,a\n1,2,3\n")[0] == ["a", "column 2", "a (2)"]


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=20), st.sampled_from(",;\t|"))
def test_what_a_spreadsheet_writes_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("one", "two"), *rows])
    columns, found = read(text.getvalue())
    assert columns == ["one", "two"]
    assert [tuple(cells) for _, _, cells in good(found)] == rows
    assert not bad(found)


@given(st.binary(max_size=400))
def test_whatever_the_bytes_rows_are_numbered_once_and_in_order(data: bytes) -> None:
    try:
        _, rows = read(b"a,b\n" + data)
    except DatasetError:
        return
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
    assert len(rows) <= 1 + data.count(b"\n") + data.count(b"\r")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("wb") as written:
        written.write(b"a,b\n")
        for _ in range(30):
            written.write(b'1,"some text"\n' * 1000)
    with path.open("rb") as file:
        tracemalloc.start()
        count = sum(isinstance(row, InputRow) for row in read_delimited(file).rows)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 30_000
    assert peak < 200_000
