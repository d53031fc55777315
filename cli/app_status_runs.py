"""Runs in the app's own status, for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

_MOST = 5
_COLOURS = {"running": "cyan", "paused": "yellow", "cancelled": "red", "failed": "red", "ended": "green"}


def run_lines(runs: Any) -> list[RenderableType]:
    """Those with work first, some of them; nothing where there are none.

    Args:
        runs: as the status tells them (RunSummary), or why it can't.
    """
    if isinstance(runs, Mapping):
        return [f"Runs: [yellow]not known:[/] {escape(str(runs.get('error')))}"]
    if not runs:
        return []
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("run", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("done", "of", "failed", "", "ends (UTC)", "cost so far"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs[:_MOST]:
        table.add_row(*_cells(run))
    more = f"{len(runs) - _MOST} or more others: `sluice run list`" if len(runs) > _MOST else None
    return [table, more] if more else [table]


def _cells(run: Mapping[str, Any]) -> list[str]:
    state, failed = run["state"], f"{run['failed']:,}"
    return [
        escape(run["run"]),
        f"[{_COLOURS.get(state, 'default')}]{escape(state)}[/]",
        f"{run['done']:,}",
        f"{run['jobs']:,}",
        f"[red]{failed}[/]" if run["failed"] else failed,
        "being read" if run["percent"] is None else f"{run['percent']:.1f} %",
        (run["ends_at"] or "")[:16].replace("T", " "),
        "" if run["cost"] is None else f"{run['cost']:,.2f} {escape(run['currency'])}",
    ]
