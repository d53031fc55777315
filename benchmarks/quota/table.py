"""How the quota benchmark shows its rows: a table and a chart for people, JSON for programs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.quota.registry import ALGORITHMS
from benchmarks.quota.runner import Row
from local.model.limits import MINUTE_S

_BARS = " ▁▂▃▄▅▆▇█"
_COLUMNS = ("used%", "bound%", "429s", "p50 s", "p99 s", "ops", "billed")


def as_json(rows: Sequence[Row]) -> str:
    """One object with all rows: algorithm, scenario, and the measures or the error."""
    objects = [
        {
            "algorithm": row.plan.algorithm,
            **asdict(row.plan.scenario),
            **(asdict(row.measures) if row.measures else {}),
            **({"error": row.error} if row.error else {}),
        }
        for row in rows
    ]
    return json.dumps({"rows": objects})


def show(console: Console, rows: Sequence[Row], title: str) -> None:
    """Print the table, the chart, and what the columns mean."""
    console.print(_table(rows, title))
    console.print(_chart(rows, max(20, console.width - 19)))
    notes = [
        "used%: of the quota, while jobs of more than a quarter of a minute's quota wait; - where that never lasts a "
        "minute. bound%: the earliest end that any schedule could reach, over the real one. p50, p99: from arrival to "
        "admission. ops: operations of the durable entity a job. billed: seconds of waiting inside functions a job."
    ]
    if any(row.measures and row.measures.unfinished for row in rows):
        notes.append("* The run was cut off before all jobs were done.")
    console.print("\n".join(notes), style="dim", highlight=False)


def _table(rows: Sequence[Row], title: str) -> Table:
    # Narrow enough for 80 columns: a cut figure is none.
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("workload", no_wrap=True)
    table.add_column("inst.", justify="right", no_wrap=True)
    table.add_column("algorithm", no_wrap=True)
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for _, group in groupby(rows, key=lambda row: row.plan.scenario.workload):
        for row in group:
            table.add_row(*_cells(row), style="bold" if row.plan.algorithm == "sluice" else "")
        table.add_row()
    return table


def _group(row: Row) -> tuple[str, int]:
    return row.plan.scenario.workload, row.plan.scenario.instances


def _name(row: Row) -> str:
    """The algorithm, with the delivery where that matters to it."""
    algorithm = row.plan.algorithm
    return f"{algorithm}, {row.plan.scenario.delivery}" if ALGORITHMS[algorithm].schedules else algorithm


def _cells(row: Row) -> list[str | Text]:
    scenario = row.plan.scenario
    cells: list[str | Text] = [scenario.workload, str(scenario.instances), _name(row)]
    measures = row.measures
    if measures is None:
        return [*cells, Text("failed", style="red"), *[""] * (len(_COLUMNS) - 1)]
    return [
        *cells,
        "-" if measures.used_percent is None else f"{measures.used_percent:.1f}",
        f"{measures.bound_percent:.1f}" + ("*" if measures.unfinished else ""),
        f"{measures.rejected:,}",
        f"{measures.wait_p50_s:.1f}",
        f"{measures.wait_p99_s:.1f}",
        f"{measures.entity_operations:.2f}",
        f"{measures.billed_wait_s:.2f}",
    ]


def _chart(rows: Sequence[Row], width: int) -> RenderableType:
    """A line a row: tokens a second over time, each cell a mean over some seconds, against the limit a second."""
    lines: list[RenderableType] = []
    for (workload, instances), some in groupby(rows, key=_group):
        group = [(row, row.measures) for row in some if row.measures is not None]
        if not group:
            continue
        longest_s = max(len(measures.history) for _, measures in group)
        cell_s = max(1, math.ceil(longest_s / width))
        plural = "" if instances == 1 else "s"
        heading = f"\n{workload}, {instances} instance{plural}: tokens a second over {longest_s} s, {cell_s} s a cell"
        lines.append(Text(heading, style="bold"))
        for row, measures in group:
            label = f"  {_name(row)}"
            limit = row.plan.scenario.tpm / MINUTE_S
            lines.append(Text(f"{label:<17}") + sparkline(measures.history, limit, cell_s))
    if lines:
        lines.append(Text("  █ is the rate of the limit; yellow is above it, by what was saved before\n", "dim"))
    return Group(*lines)


def sparkline(history: Sequence[int], limit: float, cell_s: int) -> Text:
    """Means over `cell_s` seconds as bars: a full one is the limit, a yellow one is above it by more than a tenth."""
    text = Text()
    for start in range(0, len(history), cell_s):
        seconds = history[start : start + cell_s]
        share = sum(seconds) / len(seconds) / limit
        # Rounded up, so that nothing but an idle cell looks idle.
        text.append(_BARS[min(8, math.ceil(share * 8))], style="yellow" if share > 1.1 else "cyan")
    return text
