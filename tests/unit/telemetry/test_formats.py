"""How lines look."""

import json
import logging
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.context import LoggingContext, set_invocation_source
from shared.telemetry.events import log_event
from shared.telemetry.formats import MAX_MESSAGE_CHARS, StructuredFormatter, TerminalFormatter, terminal_line


def record(message: str = "hello %s", *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("shared.jobs.runner", logging.INFO, "runner.py", 1, message, args, None)
    made.__dict__.update(extra)
    return made


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    line = StructuredFormatter("shop", "vm.7.1a").format(made)
    assert "\n" not in line
    assert line.isascii()
    return dict(json.loads(line))


def test_a_message() -> None:
    line = parsed(record("hello %s", "world", created=1_700_000_000.25))
    assert line == {
        "time": "2023-11-14T22:13:20.250000Z",
        "level": "INFO",
        "app": "shop",
        "instance": "vm.7.1a",
        "logger": "shared.jobs.runner",
        "message": "hello world",
    }
    assert datetime.fromisoformat(line["time"]).timestamp() == 1_700_000_000.25


def test_an_event_has_its_fields_and_no_message() -> None:
    made: list[logging.LogRecord] = []
    logger = logging.Logger("x")
    logger.addFilter(made.append)  # type: ignore[arg-type]
    logger.addHandler(logging.NullHandler())
    log_event(logger, "job_done", job_id="a1", attempt=2, share=0.5, ok=True, none=None, odd=float("nan"))
    line = parsed(made[0])
    assert line["event"] == "job_done"
    assert line["fields"] == {"job_id": "a1", "attempt": 2, "share": 0.5, "ok": True, "odd": "nan"}
    assert line["job_id"] == "a1"
    assert "message" not in line


def test_ids_of_the_context_and_the_invocation() -> None:
    set_invocation_source(lambda: "call-1")
    try:
        with LoggingContext(correlation_id="c1", job_id="j1", trace_id=None):
            line = parsed(record("x", event="e", fields={"job_id": "j2"}))
        assert (line["correlation_id"], line["job_id"], line["invocation_id"]) == ("c1", "j1", "call-1")
        assert line["fields"] == {"job_id": "j2"}
        assert "correlation_id" not in parsed(record("x"))
    finally:
        set_invocation_source(lambda: None)


def test_exceptions_are_part_of_the_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        line = parsed(record("failed", exc_info=sys.exc_info()))
    assert line["exception"].startswith("Traceback")
    assert "first\nsecond" in line["exception"]


def test_what_is_too_long_is_cut() -> None:
    line = parsed(record("x" * 100_000))
    assert len(line["message"]) < MAX_MESSAGE_CHARS + 100
    assert line["message"].endswith(f"[{100_000 - MAX_MESSAGE_CHARS} more characters]")


@given(st.text(), st.dictionaries(st.text(min_size=1), st.one_of(st.text(), st.integers(), st.floats(), st.booleans())))
def test_every_line_is_one_json_object(message: str, fields: dict[str, Any]) -> None:
    assert parsed(record("%s", message))["level"] == "INFO"
    assert parsed(record("%s", message, event=message, fields=fields))["level"] == "INFO"


def test_a_terminal_line() -> None:
    shown = TerminalFormatter(colour=False).format(record("hello %s", "world", created=0.5, msecs=500.0))
    assert shown == "00:00:00.500 INFO    hello world  [shared.jobs.runner]"
    assert "\x1b[32mINFO" in TerminalFormatter(colour=True).format(record("x"))


@pytest.mark.parametrize("forged", ["a\nb", "a\x1b[2Jb", "a\rb"])
def test_nobody_forges_terminal_lines(forged: str) -> None:
    shown = terminal_line("00:00:00", logging.INFO, forged, "x", colour=False)
    assert shown.isprintable()
