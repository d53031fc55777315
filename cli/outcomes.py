"""Shows outcomes: as a table row, a live table, or JSON lines."""

from typing import Any

from rich.markup import escape
from rich.table import Table

_FACES = {"positive": "[green]positive[/]", "negative": "[red]negative[/]", "mixed": "[yellow]mixed[/]"}
_URGENCY = {"high": "[bold red]high[/]", "medium": "[yellow]medium[/]"}


def outcome_table(title: str | None = None) -> Table:
    """An empty table for outcomes."""
    table = Table(title=title, expand=True, title_justify="left")
    table.add_column("job", no_wrap=True, max_width=22)
    table.add_column("lang", no_wrap=True)
    table.add_column("sentiment", no_wrap=True)
    table.add_column("category", no_wrap=True, max_width=18)
    table.add_column("hashtags", max_width=28)
    table.add_column("urgency", no_wrap=True)
    table.add_column("summary", ratio=1, overflow="fold")
    return table


def add_outcome(table: Table, outcome: dict[str, Any]) -> None:
    """Add one outcome, succeeded or failed."""
    job = escape(str(outcome.get("job_id", "")))
    if outcome.get("status") != "succeeded":
        error = outcome.get("error") or {}
        text = f"[red]{escape(str(error.get('code')))}[/]: {escape(str(error.get('message')))}"
        table.add_row(job, "", "[red]failed[/]", "", "", "", text)
        return
    result = outcome.get("result") or {}
    sentiment = result.get("sentiment") or {}
    label = str(sentiment.get("label", ""))
    score = sentiment.get("score")
    table.add_row(
        job,
        escape(str(result.get("language", ""))),
        _FACES.get(label, escape(label)) + (f" {score:+.2f}" if isinstance(score, int | float) else ""),
        escape(str(result.get("category", ""))),
        escape(" ".join(result.get("hashtags") or [])),
        _URGENCY.get(str(result.get("urgency")), escape(str(result.get("urgency", "")))),
        escape(str(result.get("summary", ""))),
    )
