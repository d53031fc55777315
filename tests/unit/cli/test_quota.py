"""What `sluice status` shows of the quota."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli.quota import counter, quota_table
from shared.config import AppAccess
from shared.errors import ConfigurationError

FACTS: dict[str, Any] = {
    "error": None,
    "limits": {"tpm": 100_000, "rpm": 600, "request_window_s": 10.0, "guard_s": 2.15, "pace": 1.3},
    "used_tokens": 97_000,
    "used_share": 0.97,
    "booked_ahead_tokens": 12_345,
    "pending": {"shop": 1200, "": 3},
    "next_free_in_s": 1.234,
    "reset_s": 61.0,
    "frozen_for_s": 0.0,
    "throttles": 0,
    "bias": 1.05,
    "guard_s": 2.65,
    "open_locks": 2,
    "usage": {"calls": 5, "prompt_tokens": 1000, "completion_tokens": 20},
}


def _text(**changes: Any) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(quota_table({"gpt-4o": {**FACTS, **changes}}))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "shown",
    [
        "gpt-4o",
        "100,000 tokens/min, 600 requests/min",
        "97,000 (97%)",
        "12,345 tokens",
        "no app 3, shop 1,200",
        "in 1.2 s",
        "1.050",
        "2.65 s",
        "5 (1,000 + 20 tokens)",
    ],
)
def test_people_see(shown: str) -> None:
    assert shown in _text()


@pytest.mark.parametrize(("share", "filled"), [(0.0, 0), (0.5, 10), (1.0, 20), (7.0, 20)])
def test_the_bar_is_as_long_as_the_share(share: float, filled: int) -> None:
    text = _text(used_share=share)
    assert (text.count("█"), text.count("░")) == (filled, 20 - filled)


def test_a_freeze_is_seen() -> None:
    assert "for 4.5 s" in _text(frozen_for_s=4.5)


def test_without_the_app_the_rest_is_shown() -> None:
    console = Console(file=io.StringIO(), width=120)
    facts = {name: FACTS[name] for name in ("limits", "pending")}
    console.print(quota_table({"[bold]": {**facts, "error": "no answer [red]"}}))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert all(part in text for part in ("no app 3, shop 1,200", "no answer [red]", "[bold]", "100,000"))


def test_no_address_is_a_readable_error() -> None:
    with pytest.raises(ConfigurationError, match="SLUICE_URL"):
        counter(AppAccess(None), "gpt")
