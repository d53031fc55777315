"""`sluice logs`: the lines that the app's processes have shipped."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli.console import EXIT_NOTHING, EXIT_OK, err, out
from cli.log_view import file_as_json, file_table, gap_table, print_line
from cli.session import settings_env
from shared.config import Settings
from shared.errors import ConfigurationError
from shared.jobs.store import TableJobStore
from shared.log_services import LogServices, connect_logs
from shared.logs.search import LogLine, LogQuery, SearchCount
from shared.logs.verify import job_ids_of

app = typer.Typer(no_args_is_help=True, help="List, follow and search the logs that the app's processes have shipped.")

_KINDS = ("feedback", "reasoning", "audio")
_POLL_S = 1.0
_LATE = timedelta(minutes=10)
"""While following, files that come so late are still shown."""
_BEFORE, _AFTER = timedelta(minutes=1), timedelta(minutes=5)
"""A job's lines begin before its record and end after it, by as much as clocks differ and steps take."""
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

AppOption = Annotated[str | None, typer.Option("--app", help="Only lines of this application.")]
InstanceOption = Annotated[str | None, typer.Option(help="Only of this process; the beginning of its name will do.")]
SinceOption = Annotated[str | None, typer.Option(help="Such as 90s, 15m, 2h, 3d ago, or 2026-11-22T09:30 (UTC).")]
UntilOption = Annotated[str | None, typer.Option(help="The same; now by default.")]
JobOption = Annotated[str | None, typer.Option("--job", help="Only lines of this job.")]
LevelOption = Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING, ERROR: this level and above.")]
TextOption = Annotated[str | None, typer.Option("--text", help="Only lines that hold this text, in any case.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@app.command("list")
def list_(
    app_name: AppOption = None,
    instance: InstanceOption = None,
    since: SinceOption = "1h",
    until: UntilOption = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="Instances of which files are missing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List shipped files: when, whose, how many lines, whether they are whole."""

    async def action(logs: LogServices) -> int:
        query = _query(since, until, app=app_name, instance=instance)
        if gaps:
            return await _show_gaps(logs, query, as_json=as_json)
        files = await logs.search.files(query)
        if as_json:
            for facts in files:
                out.print(file_as_json(facts), soft_wrap=True, markup=False, highlight=False)
        else:
            out.print(file_table(files))
        return EXIT_OK

    _run(action)


@app.command()
def search(
    job: JobOption = None,
    app_name: AppOption = None,
    instance: InstanceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    level: LevelOption = None,
    text: TextOption = None,
    limit: Annotated[int, typer.Option(help="Lines at most.")] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Print the lines that fit, in order of time. Only files that can hold such lines are read.

    With --job and no times, the times are those of the job. Without it, the last hour is searched.
    """

    async def action(logs: LogServices) -> int:
        found = _query(since or ("1d" if job else "1h"), until, app_name, instance, job, level, text)
        if job and since is None and until is None:
            found = await _times_of_job(logs, found, job)
        counted = SearchCount()
        shown = 0
        async for line in logs.search.lines(found, counted):
            print_line(line, as_json=as_json)
            shown += 1
            if shown == limit:
                break
        gone = f", {counted.gone} gone" if counted.gone else ""
        err.print(f"{shown} lines; read {counted.blobs} of {counted.files} files{gone}.", highlight=False)
        return EXIT_OK if shown else EXIT_NOTHING

    _run(action)


@app.command()
def tail(
    app_name: AppOption = None,
    instance: InstanceOption = None,
    job: JobOption = None,
    level: LevelOption = None,
    text: TextOption = None,
    since: SinceOption = "1h",
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the latest lines. They arrive a file at a time: after a minute under load, sooner when it is quiet."""

    async def action(logs: LogServices) -> int:
        def query(since: str) -> LogQuery:
            return _query(since, None, app_name, instance, job, level, text)

        async for line in _tail(logs, query, since or "1h", lines, follow=follow):
            print_line(line, as_json=as_json)
        return EXIT_OK

    _run(action)


async def _tail(
    logs: LogServices, query: Callable[[str], LogQuery], since: str, lines: int, *, follow: bool
) -> AsyncIterator[LogLine]:
    seen = {facts.blob for facts in await logs.search.files(query(since))} if follow else set()
    for line in await logs.search.last(query(since), lines):
        yield line
    counted = SearchCount()
    while follow:
        await asyncio.sleep(_POLL_S)
        found = query(f"{_LATE.total_seconds():.0f}s")
        new = [facts for facts in await logs.search.files(found) if facts.blob not in seen]
        seen |= {facts.blob for facts in new}
        for line in sorted([line for facts in new for line in await logs.search.lines_of(facts, found, counted)]):
            yield line


async def _show_gaps(logs: LogServices, query: LogQuery, *, as_json: bool) -> int:
    rows = []
    async for facts in logs.index.instances(query.app):
        gaps = facts.missing(datetime.now(UTC) - logs.sweep.lost_after)
        fits = facts.instance.startswith(query.instance or "")
        if fits and (gaps or facts.arrived.closed):
            rows.append((facts, gaps))
    if not as_json:
        out.print(gap_table(rows) if rows else "No files are missing.")
    for facts, gaps in rows if as_json else ():
        shown = {"app": facts.app, "instance": facts.instance, "missing": gaps, "arrived": str(facts.arrived)}
        out.print(json.dumps(shown), soft_wrap=True, markup=False, highlight=False)
    return EXIT_OK


async def _times_of_job(logs: LogServices, query: LogQuery, job: str) -> LogQuery:
    """The same query over the time in which the job was worked on, where the store still knows it."""
    store = TableJobStore(logs.tables)
    for kind in _KINDS:
        if record := await store.get(kind, job):
            ended = max(record.updated_at, record.published_at or record.updated_at)
            until = ended + _AFTER if record.state.final and record.published_at else query.until
            return LogQuery(record.created_at - _BEFORE, until, query.app, query.instance, job, query.level, query.text)
    return query


async def wait_for_jobs(settings: Settings, job_ids: list[str], since: datetime, timeout_s: float) -> set[str]:
    """Wait until the lines of these jobs, up to that of their publication, can be found. Returns those that can't."""
    logs = connect_logs(settings.logs, settings.blobs, settings.tables)
    missing, seen = set(job_ids), set[str]()
    deadline_s = time.monotonic() + timeout_s
    try:
        while missing and time.monotonic() < deadline_s:
            query = LogQuery(since, datetime.now(UTC) + _AFTER, text="job_published")
            for facts in await logs.search.files(query):
                if facts.blob not in seen:
                    seen.add(facts.blob)
                    lines = await logs.search.lines_of(facts, query, SearchCount())
                    missing -= {job_id for line in lines for job_id in job_ids_of(line.fields)}
            await asyncio.sleep(_POLL_S / 4)
    finally:
        await logs.close()
    return missing


def _run(action: Callable[[LogServices], Coroutine[Any, Any, int]]) -> None:
    async def connected() -> int:
        async with open_logs() as logs:
            return await action(logs)

    raise typer.Exit(asyncio.run(connected()))


@asynccontextmanager
async def open_logs() -> AsyncIterator[LogServices]:
    """A connection to the logs of the system that the command talks to.

    Raises:
        ConfigurationError: no system is named, or a setting is wrong.
    """
    settings = Settings.from_env(settings_env())
    logs = connect_logs(settings.logs, settings.blobs, settings.tables)
    try:
        yield logs
    finally:
        await logs.close()


def _query(
    since: str | None,
    until: str | None,
    app: str | None = None,
    instance: str | None = None,
    job: str | None = None,
    level: str | None = None,
    text: str | None = None,
) -> LogQuery:
    now = datetime.now(UTC)
    if level is not None and level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise ConfigurationError(f"--level must be DEBUG, INFO, WARNING or ERROR, not {level!r}.", field="level")
    return LogQuery(
        since=moment(since, now) if since else now - timedelta(hours=1),
        until=moment(until, now) if until else now + timedelta(minutes=1),
        app=app,
        instance=instance,
        job_id=job,
        level=level.upper() if level else None,
        text=text,
    )


def moment(text: str, now: datetime) -> datetime:
    """A time: so long ago, or an ISO 8601 date and time; UTC where it doesn't say.

    Raises:
        ConfigurationError: it is neither.
    """
    if ago := _AGO.fullmatch(text.strip()):
        return now - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is no time: give 90s, 15m, 2h or 3d for so long ago, or 2026-11-22T09:30.", field="since"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
