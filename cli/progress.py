"""How far jobs of several calls are, as the running app tells."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from cli.app_client import AppUnreachableError, ask_app
from cli.tables import FirstThatFits
from shared.config import AppAccess

_BAR = 12
_LEAST = 12


async def running_jobs(access: AppAccess, kind: str) -> list[dict[str, Any]]:
    """The jobs of a kind that run now; none where the app can't be asked: progress is a convenience."""
    try:
        found = await ask_app(access, f"progress/{kind}")
        jobs: list[dict[str, Any]] = found["jobs"]
        return jobs
    except (AppUnreachableError, KeyError, TypeError):
        return []


def progress_table(jobs: list[dict[str, Any]]) -> FirstThatFits:
    """For people: a line a job, with a bar where there is room."""
    return FirstThatFits(_grid(jobs, bar=_BAR), _grid(jobs, bar=0))


def _grid(jobs: list[dict[str, Any]], *, bar: int) -> Table:
    table = Table.grid(padding=(0, 2 if bar else 1, 0, 0))
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(min_width=_LEAST, overflow="fold")
    for job in jobs:
        percent = int(job.get("percent", 0))
        done = round(bar * percent / 100)
        table.add_row(
            escape(str(job.get("job_id"))),
            f"[green]{'█' * done}[/][dim]{'░' * (bar - done)}[/] {percent:3d} %",
            f"step {job.get('step', 1)} of {job.get('of', '?')}",
            f"[dim]{escape(str(job.get('doing', 'beginning')))}[/]",
        )
    return table


def progress_line(jobs: list[dict[str, Any]]) -> str:
    """In short: the job that has been running longest."""
    if not jobs:
        return ""
    job = jobs[0]
    others = f" (and {len(jobs) - 1} more)" if len(jobs) > 1 else ""
    return f"{job.get('doing', 'beginning')}, step {job.get('step', 1)} of {job.get('of', '?')}{others}"
