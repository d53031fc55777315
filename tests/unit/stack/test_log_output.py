"""Lines of several processes on one terminal."""

import io

import pytest

from local.log_output import LogOutput


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_stand_behind_the_name_of_their_process() -> None:
    stream = io.StringIO()
    LogOutput(stream, width=7).line("model", "ready")
    assert stream.getvalue() == "model   | ready\n"


def test_a_terminal_gets_a_colour_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    output = LogOutput(stream, width=1)
    for name in ("a", "b", "a"):
        output.line(name, "text")
    first, second, third = stream.getvalue().splitlines()
    assert first == third == "\x1b[36ma |\x1b[0m text"
    assert second.startswith("\x1b[33mb")


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    LogOutput(stream, width=1).line("a", "text")
    assert stream.getvalue() == "a | text\n"


def test_a_reader_that_went_away_is_no_error() -> None:
    stream = io.StringIO()
    output = LogOutput(stream)
    stream.close()
    output.line("a", "text")
    output.line("a", "more")
