"""Files that are read in several goes: from wherever a row begins, what is left is the same."""

import io
import json
from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.datasets import delimited
from shared.datasets.rows import BadRow, DatasetError, InputRow, PlacedRows, Position
from shared.datasets.text_files import TextFormat, look_at, read_on

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "iso8859-15", "gb18030", "shift_jis"]
PIECES = [
    "a",
    "ä",
    "漢",
    "😀",
    ",",
    ";",
    '"',
    "\n",
    "\r\n",
    "\r",
    '"b"',
    " ",
    "=1",
    "\t",
    '"x\ny",',
    "1,2\n",
    '{"a": 1}\n',
]


def all_of(found: PlacedRows) -> tuple[list[InputRow | BadRow], list[Position], str | None]:
    """Rows, where each and what follows the last begins, and why no more can be read."""
    rows, positions = [], [found.position()]
    try:
        for row in found.rows:
            rows.append(row)
            positions.append(found.position())
    except DatasetError as error:
        return rows, positions, str(error)
    return rows, positions, None


@pytest.mark.parametrize("kind", list(TextFormat))
@given(
    text=st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    encoding=st.sampled_from(ENCODINGS),
    broken=st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=2)), max_size=2),
    said=st.booleans(),
    long=st.booleans(),
)
@example(text='a,"b\n"1,2\n3,4\n', encoding="utf-8", broken=[], said=False, long=False)
@example(text='1,2\n"open\n3,4\n', encoding="utf-16", broken=[], said=False, long=True)
def test_what_is_left_is_the_same_from_wherever_a_row_begins(
    kind: TextFormat, text: str, encoding: str, broken: list[tuple[int, bytes]], said: bool, long: bool
) -> None:
    head = "h,i\n" if kind is TextFormat.TABLE else '{"h": 1}\n'
    filler = "z" * 9_000 if long else ""  # more than io.TextIOWrapper reads at once
    data = bytearray(f"{head}{text}{filler}{text}".encode(encoding, "ignore"))
    for at, wrong in broken:
        data[20 + at : 20 + at] = wrong
    try:
        found = look_at(io.BytesIO(data), kind, encoding=encoding if said else None)
    except DatasetError:
        return  # it can't be read at all
    rows, positions, problem = all_of(read_on(io.BytesIO(data), found.form, found.position, 0))
    assert rows[: len(found.first)] == found.first
    for read, position in enumerate(positions):
        left, _, same = all_of(read_on(io.BytesIO(data), found.form, position, read))
        assert (left, same) == (rows[read:], problem)


def test_a_position_behind_a_quote_that_is_not_closed_is_that_of_the_next_line() -> None:
    data = b'a,b\n1,2\n"open,2\n3,4\n5,6\n'
    found = look_at(io.BytesIO(data), TextFormat.TABLE)
    whole = read_on(io.BytesIO(data), found.form, found.position, 0)
    good, bad = islice(whole.rows, 2)
    assert (good.line, bad.line) == (2, 3)
    assert whole.position() == Position(data.index(b"3,4"), 4)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a,b\n", b"a,b\n\n"])
@pytest.mark.parametrize("kind", list(TextFormat))
def test_a_file_without_rows_is_refused(kind: TextFormat, data: bytes) -> None:
    if kind is TextFormat.JSON_LINES:
        data = data.replace(b"a,b", b" ")
    with pytest.raises(DatasetError, match=r"is empty|has no rows"):
        look_at(io.BytesIO(data), kind)


def test_only_the_beginning_is_looked_at() -> None:
    row = json.dumps({"text": "x" * 900_000}).encode() + b"\n"
    file = io.BytesIO(row * 50)
    found = look_at(file, TextFormat.JSON_LINES)
    assert found.form.columns == ("text",)
    assert 4 <= len(found.first) <= 6


@pytest.mark.parametrize("kind", list(TextFormat))
def test_a_line_without_an_end_is_no_file_of_rows(kind: TextFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_RECORD_CHARS", 100)
    monkeypatch.setattr(delimited, "MAX_LINE_CHARS", 1_000)
    data = b"a,b\n" + b"x" * 1_300
    with pytest.raises(DatasetError, match="is longer than 1,000 characters"):
        look_at(io.BytesIO(data if kind is TextFormat.TABLE else data[4:]), kind)
