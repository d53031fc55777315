"""How far jobs of several calls are, as the running app tells."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from cli.app_client import AppUnreachableError, ask_app
from shared.config import AppAccess

_BAR = 12


async def running_jobs(access: AppAccess, kind: str) -> list[dict[str, Any]]:
    """The jobs of a kind that run now; none where the app can't be asked: progress is a convenience."""
    try:
        found = await ask_app(access, f"progress/{kind}")
        jobs: list[dict[str, Any]] = found["jobs"]
        return jobs
    except (AppUnreachableError, KeyError, TypeError):
        return []


def progress_table(jobs: list[dict[str, Any]]) -> Table:
    """For people: a line a job."""
    table = Table.grid(padding=(0, 2))
    for job in jobs:
        percent = int(job.get("percent", 0))
        done = round(_BAR * percent / 100)
        table.add_row(
            escape(str(job.get("job_id"))),
            f"[green]{'█' * done}[/][dim]{'░' * (_BAR - done)}[/] {percent:3d} %",
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
