import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.datasets.json_lines import read_json_lines
from shared.datasets.rows import BadRow, DatasetError, InputRow


def read(data: str) -> tuple[list[str], list[InputRow | BadRow]]:
    found = read_json_lines(io.BytesIO(data.encode("utf-8", "surrogateescape")))
    return list(found.columns), list(found.rows)


def test_columns_are_those_of_the_first_rows() -> None:
    columns, rows = read('{"a": 1}\n\n{"b": [2], "a": null}\n')
    assert columns == ["a", "b"]
    assert rows == [InputRow(1, 1, {"a": 1}), InputRow(2, 3, {"b": [2], "a": None})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": NaN}', "JSON can't hold"),
        ('{"a": "\\ud800"}', "JSON can't hold"),
        ('{"a": "\udcff"}', "--encoding"),
    ],
)
def test_bad_lines_are_refused_and_the_others_read(line: str, reason: str) -> None:
    _, rows = read(f'{line}\n{{"a": 1}}\n')
    assert isinstance(rows[0], BadRow)
    assert reason in rows[0].reason
    assert rows[1] == InputRow(2, 2, {"a": 1})


def test_a_file_without_objects_is_refused() -> None:
    with pytest.raises(DatasetError):
        read("one\ntwo\n")


TEXT = st.text(max_size=8)
VALUES = st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=2)


@given(st.lists(st.dictionaries(TEXT, VALUES, min_size=1, max_size=3), min_size=1, max_size=6))
def test_what_was_written_is_read_back(rows: list[dict[str, object]]) -> None:
    _, found = read("\n".join(json.dumps(row) for row in rows))
    for row, given_row in zip(found, rows, strict=True):
        if isinstance(row, InputRow):
            assert row.values == given_row
        else:
            assert "JSON can't hold" in row.reason
