"""The app's status for a terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli.app_status import sparkline, status_lines


def shown(width: int = 200, /, **changes: Any) -> str:
    minutes = [{"accepted": 0, "succeeded": int(n == 59), "failed": 0, "cancelled": 0} for n in range(60)]
    kind = {
        "states": {
            "pending": {"count": 1_200, "oldest_s": 7_300.0},
            "running": {"count": 0, "oldest_s": None},
            "succeeded": {"count": 12_345},
            "failed": {"count": 2},
            "cancelled": {"count": 0},
        },
        "last_hour": {"accepted": 5, "succeeded": 1, "failed": 0, "cancelled": 0},
        "minutes": minutes,
    }
    facts = {
        "app_id": "shop",
        "version": "1.0",
        "release": None,
        "kinds": {"feedback": kind},
        "failures": [],
        "dead_letters": {"feedback": {"feedback-in": 0, "feedback-out": None}},
        "logs": None,
    }
    console = Console(width=width, record=True, file=io.StringIO())
    for line in status_lines({**facts, **changes}):
        console.print(line)
    return console.export_text()


def test_jobs_with_ages() -> None:
    text = shown()
    assert "1,200 (2.0 h)" in text
    assert "12,345" in text
    assert "+5 / 1 ended" in text
    assert "Failures: none" in text
    assert "Dead letters: none (1 queues can't be seen)" in text
    assert "App: shop, version 1.0" in text
    assert "Logs" not in text


def test_failures_and_dead_letters() -> None:
    failures = [{"id": f"[b]{n}", "code": "content_filtered", "message": "Refused."} for n in range(5)]
    text = shown(failures=failures, dead_letters={"feedback": {"feedback-in": 3}}, release="abc")
    assert "[b]0 content_filtered Refused." in text, "nothing is taken for markup"
    assert "and 2 or more others" in text
    assert "Dead letters: feedback-in 3" in text
    assert "version 1.0 (abc)" in text


def test_logs() -> None:
    instance = {"instance": "a", "arrived": 3, "missing": 0, "last_seen": None}
    assert "shipped by 1 processes today, none missing" in shown(logs={"missing": 0, "instances": [instance]})
    assert "2 files missing" in shown(logs={"missing": 2, "instances": [instance]})


def test_parts_that_are_not_known() -> None:
    unknown = {"error": "It took longer than 8 s."}
    text = shown(kinds={"audio": unknown}, failures=unknown, dead_letters=unknown, logs=unknown)
    assert text.count("It took longer than 8 s.") == 4


def _kind(pending: int, succeeded: int, *, old_s: float | None = 7_300.0) -> dict[str, Any]:
    return {
        "states": {
            "pending": {"count": pending, "oldest_s": old_s},
            "running": {"count": 345, "oldest_s": 59.9},
            "succeeded": {"count": succeeded},
            "failed": {"count": 1_027},
            "cancelled": {"count": 11},
        },
        "last_hour": {"accepted": 12_345, "succeeded": 9_000, "failed": 800, "cancelled": 76},
        "minutes": [{"accepted": 0, "succeeded": n, "failed": 1, "cancelled": 0} for n in range(60)],
    }


@pytest.mark.parametrize("width", [50, 60, 80, 100, 120, 10_000])
def test_every_kind_and_number_of_jobs_is_whole_at_any_width(width: int) -> None:
    kinds = {"feedback": _kind(12_345, 1_234_567), "reasoning": _kind(0, 0, old_s=None), "audio": _kind(7, 89_012)}
    text = shown(width, kinds=kinds)
    table = text[: text.index("Failures")]
    assert "…" not in table
    assert all(len(line) <= width for line in table.splitlines())
    for part in (*kinds, "12,345", "1,234,567", "89,012", "345", "1,027", "9,876", *("2.0 h", "60 s")):
        assert part in table or part.replace(" ", "") in table, part
    for head in ("pending", "running", "succeeded", "failed", "cancelled"):
        assert head in table
    assert ("█" in table) == (width >= 100), "the bars are what a narrow terminal does without"
    assert len(table.splitlines()) == (5 if width >= 80 else 11)


def test_small_bars() -> None:
    assert sparkline([0, 0]) == "  "
    assert sparkline([0, 1, 1_000]) == " ▁█", "what is above zero is seen"
    assert sparkline([]) == ""
