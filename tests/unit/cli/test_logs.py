"""Times as people give them, and lines as they are shown."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.log_view import numbers, text_of
from cli.logs import moment
from shared.errors import ConfigurationError
from shared.logs.search import LogLine

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("3 d", NOW - timedelta(days=3)),
        ("2026-11-22T09:30", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("2026-11-22T09:30+01:00", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_times(text: str, found: datetime) -> None:
    assert moment(text, NOW) == found


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    with suppress(ConfigurationError):
        assert moment(text, NOW).tzinfo is not None


def test_what_is_no_time_says_so() -> None:
    with pytest.raises(ConfigurationError, match="is no time"):
        moment("yesterday", NOW)


def test_a_line_for_people() -> None:
    fields = {"event": "job_done", "fields": {"job_id": "j1", "attempt": 2}, "job_id": "j1", "correlation_id": "c1"}
    line = LogLine(NOW, ("vm.1.1", 3), 0, {**fields, "level": "INFO", "instance": "vm.1.1"}, "")
    assert text_of(line) == "job_done job_id=j1 attempt=2 correlation_id=c1"
    message = LogLine(NOW, ("vm.1.1", 3), 0, {"message": "hello", "job_id": "j1"}, "")
    assert text_of(message) == "hello job_id=j1"


def test_gaps() -> None:
    assert numbers([(3, 3), (7, 9)]) == "3, 7-9"
