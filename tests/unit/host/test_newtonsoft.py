"""JSON as Newtonsoft.Json reads and writes it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host import newtonsoft

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('{"a":1,"b":[],"c":{}}', '{\n  "a": 1,\n  "b": [],\n  "c": {}\n}'),
        ('[ {"a": [1, 2]} ]', '[\n  {\n    "a": [\n      1,\n      2\n    ]\n  }\n]'),
        ('{"a": 1, "a": 2}', '{\n  "a": 2\n}'),
        ('{"a": "\\u00e9\\u2028\\/\\u0001\\u007f"}', '{\n  "a": "é\\u2028/\\u0001\x7f"\n}'),
    ],
)
def test_containers_are_indented(text: str, written: str) -> None:
    assert newtonsoft.to_string(newtonsoft.parse(text)) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1", "1"),
        ("1.0", "1.0"),
        ("2.50", "2.5"),
        ("1e3", "1000.0"),
        ("1e15", "1E+15"),
        ("123456789012345678", "123456789012345678"),
        ("123456789012345678.0", "1.2345678901234568E+17"),
        ("0.0001", "0.0001"),
        ("0.00001", "1E-05"),
        ("1.5e-300", "1.5E-300"),
        ("-0.0", "-0.0"),
        ("1e999", '"Infinity"'),
        ("-1e999", '"-Infinity"'),
        ("NaN", '"NaN"'),
        ("true", "true"),
        ("null", "null"),
    ],
)
def test_numbers_are_those_of_dotnet(text: str, written: str) -> None:
    assert newtonsoft.compact(newtonsoft.parse(f"[{text}]")) == f"[{written}]"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05"),
        ("2026-01-02T03:04:05.1230000Z", "2026-01-02T03:04:05.123Z"),
        ("2026-01-02T03:04:05.0000000", "2026-01-02T03:04:05"),
        ("2026-01-02T03:04:05.1234567+00:00", "2026-01-02T03:04:05.1234567+00:00"),
        ("2026-01-02T03:04:05+02:30", "2026-01-02T00:34:05+00:00"),
        ("2026-01-02T03:04:05-0500", "2026-01-02T08:04:05+00:00"),
        ("2026-01-02T24:00:00Z", "2026-01-03T00:00:00Z"),
        # texts that aren't dates
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("2026-02-30T03:04:05Z", "2026-02-30T03:04:05Z"),
        ("2026-01-02T24:00:01Z", "2026-01-02T24:00:01Z"),
        ("2026-01-02T03:04:05.12345678Z", "2026-01-02T03:04:05.12345678Z"),
        ("2026-01-02T03:04:05Z tomorrow", "2026-01-02T03:04:05Z tomorrow"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_dates_are_normalised(text: str, written: str) -> None:
    assert newtonsoft.compact(newtonsoft.parse(json.dumps([text]))) == json.dumps([written])
    assert newtonsoft.parse(json.dumps([text]), dates=False) == [text]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"x"', "x"),
        ("1.0", "1"),
        ("true", "True"),
        ("null", ""),
        ('"2026-01-02T03:04:05Z"', "01/02/2026 03:04:05"),
        ("[]", "[]"),
    ],
)
def test_single_values_are_shown_as_dotnet_shows_them(text: str, shown: str) -> None:
    assert newtonsoft.to_string(newtonsoft.parse(f"[{text}]")[0]) == shown


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "[1,]", "nope", "[" * 65 + "]" * 65, "[" * 100_000])
def test_what_cannot_be_read_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        newtonsoft.parse(text)


def test_sixty_four_levels_can_be_read() -> None:
    assert newtonsoft.compact(newtonsoft.parse("[" * 64 + "]" * 64)) == "[" * 64 + "]" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{}", True), (" [1] \n", True), ("{]", False), ("", False), ("x", False), ("{not JSON}", True), ("{", False)],
)
def test_what_is_taken_for_json(text: str, expected: bool) -> None:
    assert newtonsoft.is_json(text) is expected


@given(JSON)
def test_what_is_written_means_the_same(value: Any) -> None:
    parsed = newtonsoft.parse(json.dumps(value), dates=False)
    assert json.loads(newtonsoft.compact(parsed)) == value
    if isinstance(value, dict | list):
        assert json.loads(newtonsoft.to_string(parsed)) == value


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        newtonsoft.to_string(newtonsoft.parse(text))
    except ValueError:
        return
