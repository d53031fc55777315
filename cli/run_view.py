"""How far runs are: `sluice run list` and `sluice run status`."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich import box
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from cli.console import EXIT_JOBS_FAILED, EXIT_OK, err, out
from cli.tables import FirstThatFits
from shared.bootstrap import Backend
from shared.bootstrap.runs import rates_of
from shared.jobs.record import JobState
from shared.runs.progress import RunProgress, progress_of
from shared.runs.rows import RunState
from shared.runs.store import Run
from shared.runs.view import run_facts

_REFRESH_S = 1.0
_FROM_COLOURS = {"running": "cyan", "paused": "yellow", "cancelled": "red", "ended": "green", "failed": "red"}


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with what follows from it."""

    run: Run
    progress: RunProgress
    cost: float | None
    currency: str


async def view_of(system: Backend, name: str) -> RunView:
    """Read a run. Raises UnknownRunError."""
    run = await system.runs.store.get(name)
    tally = run.head.tally
    cost = rates_of(system.settings, run.spool.kind).of(tally.input_tokens, tally.output_tokens, tally.audio_s)
    return RunView(run, progress_of(run, time.time()), cost, system.settings.runs.currency)


async def show_list(system: Backend, *, as_json: bool) -> int:
    """All runs, the newest first."""
    names = [name async for name in system.runs.store.names()]
    views = await asyncio.gather(*(view_of(system, name) for name in names), return_exceptions=True)
    found = [view for view in views if isinstance(view, RunView)]
    found.sort(key=lambda view: view.run.spool.created_at, reverse=True)
    if as_json:
        for view in found:
            out.print(json.dumps(facts(view)), soft_wrap=True, markup=False, highlight=False)
        return EXIT_OK
    if not found:
        err.print("No runs. `sluice run start feedback FILE` starts one.")
        return EXIT_OK
    out.print(run_table(found))
    return EXIT_OK


def run_table(views: Sequence[RunView]) -> FirstThatFits:
    """For people: a row for each run. A narrow console does without the year, then without the file."""
    return FirstThatFits(
        _run_table(views, close=False, file=True),
        _run_table(views, close=True, file=True),
        _run_table(views, close=True, file=False),
    )


def _run_table(views: Sequence[RunView], *, close: bool, file: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0 if close else (0, 1))
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=not close, min_width=12)
    table.add_column("started", no_wrap=True)
    if file:
        table.add_column("file", min_width=12, overflow="fold")
    for column in ("jobs", "ended", "failed"):
        table.add_column(column, justify="right", no_wrap=True)
    for view in views:
        spool, tally = view.run.spool, view.run.head.tally
        started = spool.created_at.strftime("%m-%d %H:%M" if close else "%Y-%m-%d %H:%M")
        counts = (f"{spool.jobs:,}", f"{tally.ended:,}", f"{tally.states.get(JobState.FAILED, 0):,}")
        table.add_row(view.run.name, _state(view), started, *([escape(spool.source)] if file else []), *counts)
    return table


async def show_status(system: Backend, name: str, *, as_json: bool, watching: bool) -> int:
    """One run."""
    if watching:
        return await watch_run(system, name)
    view = await view_of(system, name)
    if as_json:
        out.print_json(json.dumps(facts(view)))
    else:
        out.print(_panel(view))
    return EXIT_OK


async def watch_run(system: Backend, name: str) -> int:
    """Show a run until nothing of it is left to do, or it is paused.

    Returns:
        EXIT_OK if the file was read to its end and no job failed, else EXIT_JOBS_FAILED.
    """
    view = await view_of(system, name)
    with Live(_panel(view), console=err, auto_refresh=False, transient=not err.is_terminal) as live:
        while not _resting(view):
            await asyncio.sleep(_REFRESH_S)
            view = await view_of(system, name)
            live.update(_panel(view), refresh=True)
    tally = view.run.head.tally
    failed = tally.states.get(JobState.FAILED, 0)
    err.print(f"{view.progress.state}: {tally.states.get(JobState.SUCCEEDED, 0):,} succeeded, {failed:,} failed.")
    return EXIT_JOBS_FAILED if failed or view.run.spool.error else EXIT_OK


def _resting(view: RunView) -> bool:
    """Whether nothing changes by itself. A file that isn't read to its end is waited for as far as it was read."""
    head, spool = view.run.head, view.run.spool
    if view.progress.state in (RunState.ENDED, RunState.CANCELLED, RunState.PAUSED, RunState.FAILED):
        return True
    return not spool.sealed and not spool.reading and spool.read > 0 and head.fed == spool.parts and not head.open


def facts(view: RunView) -> dict[str, Any]:
    """As JSON."""
    return run_facts(view.run, time.time(), view.cost, view.currency)


def _panel(view: RunView) -> Group:
    spool, head, progress = view.run.spool, view.run.head, view.progress
    tally = head.tally
    share = tally.ended / spool.jobs if spool.jobs else 0.0
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=max(1, spool.jobs), completed=tally.ended, width=40), f"{share:6.1%}")
    table = Table.grid(padding=(0, 2))
    jobs = f"{tally.ended:,} of {spool.jobs:,} jobs" + (
        "" if spool.sealed or spool.error else " (the file is still being read)"
    )
    table.add_row(
        "run", f"[bold]{view.run.name}[/]  {_state(view)}  [dim]{spool.kind} jobs of {escape(spool.source)}[/]"
    )
    if spool.error:
        table.add_row("file", f"[red]can't be read to its end:[/] {escape(spool.error)}")
    table.add_row("ended", jobs)
    counts = {**tally.states, "waiting": progress.waiting}
    table.add_row("jobs", ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "none yet")
    if spool.rejected:
        table.add_row("rejected", f"[yellow]{spool.rejected:,} rows[/]")
    if tally.reasons:
        reasons = sorted(tally.reasons.items(), key=lambda item: -item[1])
        table.add_row("failures", ", ".join(f"{escape(code)} {count:,}" for code, count in reasons))
    table.add_row("speed", _speed(progress))
    cost = f", {view.cost:,.2f} {view.currency}" if view.cost is not None else ", cost not known: set SLUICE_PRICES"
    heard = f"{tally.audio_s / 60:,.1f} min of recordings, " if spool.kind == "audio" else ""
    table.add_row("used", f"{heard}{tally.input_tokens:,} tokens in, {tally.output_tokens:,} out{cost}")
    return Group(bar, table)


def _speed(progress: RunProgress) -> str:
    if progress.rate is None:
        return "-"
    text = f"{progress.rate:,.1f} jobs/s"
    if progress.left_s is not None:
        end = datetime.now(UTC).astimezone() + timedelta(seconds=progress.left_s)
        text += f", ends in about {timedelta(seconds=round(progress.left_s))} ({end:%H:%M})"
    return text


def _state(view: RunView) -> str:
    state = str(view.progress.state)
    wish = view.run.wish.state
    doing = " (pausing)" if wish is RunState.PAUSED and state == "running" else ""
    doing = " (cancelling)" if wish is RunState.CANCELLED and state != "cancelled" else doing
    return f"[{_FROM_COLOURS[state]}]{state}[/]{doing}"
