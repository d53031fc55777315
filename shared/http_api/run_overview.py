"""Runs in the status, and on its page."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from shared.http_api.charts import number
from shared.http_api.html import join, not_known, table
from shared.http_api.run_exports import PIECE_ROWS
from shared.http_api.runs import RunsParts
from shared.runs.rows import RunState
from shared.runs.store import Run, UnknownRunError
from shared.runs.view import run_summary

MOST_RUNS = 20


async def newest_runs(parts: RunsParts) -> list[dict[str, Any]]:
    """Runs with work, then those heard of last, as JSON values.

    Raises:
        StorageError
    """
    found = await asyncio.gather(*(_run(parts, name) for name in await parts.store.newest(MOST_RUNS)))
    now_s = parts.now_s()
    return [run_summary(run, now_s, parts.cost(run), parts.currency) for run in found if run is not None]


async def _run(parts: RunsParts, name: str) -> Run | None:
    """None where it was deleted in this moment."""
    try:
        return await parts.store.get(name)
    except UnknownRunError:
        return None


def runs_table(runs: Any, key: str | None) -> Markup:
    """The section of the page.

    Args:
        runs: of the status.
        key: with which the page was opened; its links need it, too.
    """
    head = Markup('<h2 id="runs">Runs</h2>')
    if (error := not_known(runs)) is not None:
        return join([head, error])
    rows = [
        [
            run["run"],
            run["kind"],
            _state(run),
            _bar(run),
            number(run["rows"]),
            number(run["done"]),
            number(run["failed"]),
            _moment(run["ends_at"]),
            "" if run["cost"] is None else f"{run['cost']:,.2f} {run['currency']}",
            _export(run, key),
        ]
        for run in runs
    ]
    columns = ("Run", "Kind", "State", "Progress", "Rows", "Done", "Failed", "Ends (UTC)", "Cost so far", "Results")
    return join([head, table(f"Runs, {MOST_RUNS} at most", columns, rows, numbers=(4, 5, 6, 8))])


def _state(run: Mapping[str, Any]) -> str:
    moves = run["state"] in (RunState.RUNNING, RunState.PAUSED) and run["wish"] != run["state"]
    return f"{run['state']}, to be {run['wish']}" if moves else run["state"]


def _bar(run: Mapping[str, Any]) -> Markup:
    if run["percent"] is None:
        return Markup('<span class="soft">the file is being read</span>')
    bar = Markup('<progress max="100" value="{0:.1f}" aria-label="Progress of {1}"></progress>{0:.1f} %')
    return bar.format(run["percent"], run["run"])


def _moment(at: str | None) -> str:
    return "" if at is None else at[:16].replace("T", " ")


def _export(run: Mapping[str, Any], key: str | None) -> Markup:
    """A link to the table, or to its first piece."""
    query = urlencode({"format": "csv", **({"code": key} if key else {})})
    address = f"/api/runs/{quote(run['run'], safe='')}/results?{query}"
    label = "CSV" if run["rows"] <= PIECE_ROWS else f"CSV, the first {PIECE_ROWS:,} rows or so"
    return Markup('<a href="{}" aria-label="{}: {}">{}</a>').format(address, run["run"], label, label)
