"""Runs in `sluice status`."""

import io
from typing import Any

from rich.console import Console

from cli.app_status_runs import run_lines

RUN = {
    "run": "june",
    "state": "running",
    "jobs": 12_000,
    "done": 3_456,
    "failed": 7,
    "percent": 28.8,
    "ends_at": "2026-01-01T12:34:56+00:00",
    "cost": 1.234,
    "currency": "EUR",
}


def shown(runs: Any, width: int = 100) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    for line in run_lines(runs):
        console.print(line)
    return console.export_text().splitlines()


def test_a_run_is_a_line() -> None:
    cells = "june | running | 3,456 | 12,000 | 7 | 28.8 % | 2026-01-01 12:34 | 1.23 EUR"
    assert shown([RUN])[-1].split() == cells.replace("|", "").split()


def test_what_is_not_known_of_a_run_is_left_out() -> None:
    unknown = {"percent": None, "ends_at": None, "cost": None, "state": "[b]odd[/b]", "run": "[i]x"}
    assert shown([{**RUN, **unknown}])[-1].split() == ["[i]x", "[b]odd[/b]", "3,456", "12,000", "7", "being", "read"]


def test_no_more_than_fit_beside_the_rest() -> None:
    lines = shown([{**RUN, "run": f"r{n}"} for n in range(8)])
    assert [line.split()[0] for line in lines[2:7]] == [f"r{n}" for n in range(5)]
    assert lines[-1].startswith("3 or more others")
    assert len(lines) == 8


def test_without_runs_there_is_nothing_and_where_they_are_not_known_the_reason() -> None:
    assert shown([]) == shown(None) == []
    assert shown({"error": "storage [x]"}) == ["Runs: not known: storage [x]"]
