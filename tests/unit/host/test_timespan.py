"""Durations as .NET writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.timespan import parse_timespan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:05:00", 300.0),
        ("1:00", 3600.0),
        ("1.00:00:00", 86400.0),
        ("00:00:00.25", 0.25),
        ("-00:00:01", -1.0),
        ("-1", -86400.0),
        ("30", 30 * 86400.0),
        (" 00:00:10 ", 10.0),
    ],
)
def test_reads(text: str, seconds: float) -> None:
    assert parse_timespan(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5m", "24:00:00", "00:60:00", "00:00:60", "1.2.3", "00:00:00.12345678", "--1", "1."]
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|range"):
        parse_timespan(text)


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_counts_days_hours_minutes_and_seconds(days: int, hours: int, minutes: int, seconds: int) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert parse_timespan(f"{days}.{hours:02}:{minutes:02}:{seconds:02}") == total


@given(st.text() | st.text("-0123456789.:"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        seconds = parse_timespan(text)
    except ValueError:
        return
    assert any(character.isdecimal() for character in text)
    assert seconds <= 0 or "-" not in text
