"""Shows outcomes as rows of a table that fits a narrow terminal, too."""

from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

_COLOURS = {"positive": "green", "negative": "red", "mixed": "yellow", "high": "bold red", "medium": "yellow"}


def outcome_table(title: str | None = None) -> Table:
    """An empty table for outcomes."""
    table = Table(title=title, title_justify="left", expand=True, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("job", no_wrap=True, max_width=20, overflow="ellipsis")
    table.add_column("sentiment", no_wrap=True)
    table.add_column("urgency", no_wrap=True)
    table.add_column("topic", max_width=26, overflow="fold")
    table.add_column("summary", ratio=1, min_width=24, overflow="fold")
    return table


def add_outcome(table: Table, outcome: dict[str, Any]) -> None:
    """Add one outcome, succeeded or failed."""
    result = outcome.get("result") or {}
    job = escape(str(result.get("feedback_id") or outcome.get("job_id", "")))
    if outcome.get("status") != "succeeded":
        error = outcome.get("error") or {}
        table.add_row(job, "[red]failed[/]", "", escape(str(error.get("code"))), escape(str(error.get("message"))))
        return
    sentiment = result.get("sentiment") or {}
    score = sentiment.get("score")
    feeling = _coloured(sentiment.get("label")) + (f" {score:+.1f}" if isinstance(score, int | float) else "")
    language = f" [dim]{escape(str(result['language']))}[/]" if result.get("language") else ""
    topic = escape(str(result.get("category", ""))) + language
    if hashtags := result.get("hashtags"):
        topic += f"\n[dim]{escape(' '.join(hashtags))}[/]"
    table.add_row(job, feeling, _coloured(result.get("urgency")), topic, escape(str(result.get("summary", ""))))


def _coloured(word: object) -> str:
    text = escape(str(word or ""))
    colour = _COLOURS.get(text)
    return f"[{colour}]{text}[/]" if colour else text
