"""The consoles of the command line, with and without a terminal."""

import pytest

from cli.console import console

LINE = "3f2b8c1e-7a54-4d0e-9a51-0c6f2d9e8b17 " + "why " * 30


@pytest.mark.parametrize("columns", [None, "70"])
def test_without_a_terminal_lines_are_as_long_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    console().print(LINE)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (1 if columns is None else 3)
    assert " ".join(line.strip() for line in lines) == LINE.strip()
