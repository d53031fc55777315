"""`sluice run start`: reads a file into a run, or goes on where that was cut off."""

import asyncio
import csv
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.console import EXIT_INTERRUPTED, EXIT_JOBS_FAILED, EXIT_OK, EXIT_USAGE, err, out
from cli.outcomes import outcome_table
from cli.questions import agreed
from cli.run_files import open_dataset
from cli.run_view import watch_run
from shared.bootstrap import Backend
from shared.bootstrap.kinds import SENT_CONTAINER
from shared.datasets.rows import Dataset, DatasetError, InputRow
from shared.jobs.record import JobRecord, run_job_id
from shared.messages import to_json
from shared.runs.control import run_name
from shared.runs.mapping import ColumnMapping, map_columns
from shared.runs.parts import PartRow
from shared.runs.results import flat
from shared.runs.rows import Spool
from shared.runs.spooling import RowCheck, Spooled
from shared.runs.table_cells import neutral

_EXAMPLES = 100
FILE = "file"
_REJECTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Source:
    """What to read, and how.

    Attributes:
        told: field -> column.
        constants: fields that are the same for every row.
    """

    kind: str
    path: Path
    told: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str | None = None

    @contextmanager
    def open(self) -> Iterator[Dataset]:
        """The rows. Of a folder its files, each a row.

        Raises:
            DatasetError, OSError
        """
        if not self.path.is_dir():
            with open_dataset(self.path, delimiter=self.delimiter, encoding=self.encoding) as dataset:
                yield dataset
            return
        if self.kind != "audio":
            raise DatasetError(f"{self.path} is a folder; {self.kind} jobs are read from a file.")
        yield Dataset([FILE], (InputRow(n, n, {FILE: path.name}) for n, path in enumerate(files_of(self.path), 1)))

    @contextmanager
    def mapped(self) -> Iterator[tuple[Dataset, ColumnMapping, list[str]]]:
        """The rows, how they become jobs, and which fields were guessed."""
        with self.open() as dataset:
            first = list(islice(dataset.rows, _EXAMPLES))
            examples = [row.values for row in first if isinstance(row, InputRow)]
            mapping, guessed = map_columns(self.kind, dataset.columns, self.told, self.constants, examples)
            if self.path.is_dir():
                # Where they will be: a file's name alone is no recording that a job may name.
                mapping = replace(mapping, prefixes={"audio": f"{SENT_CONTAINER}/"})
            yield Dataset(dataset.columns, chain(first, dataset.rows)), mapping, guessed

    def digest(self, mapping: ColumnMapping) -> str:
        """Of the contents, and of how they are read."""
        how = [self.kind, mapping.columns, mapping.constants, self.delimiter, self.encoding]
        found = hashlib.sha256(to_json(how).encode())
        if self.path.is_dir():
            for path in files_of(self.path):
                found.update(to_json([path.name, path.stat().st_size]).encode())
        else:
            with self.path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Start:
    """How a run is started.

    Attributes:
        sample: so many rows are tried first.
        yes: nothing is asked.
    """

    source: Source
    name: str | None = None
    app_id: str | None = None
    priority: str = "normal"
    sample: int | None = None
    rejects: Path | None = None
    yes: bool = False
    wait: bool = False


async def start(system: Backend, wanted: Start) -> int:
    """Start a run, or go on with it."""
    source = wanted.source
    with source.mapped() as (dataset, mapping, guessed):
        show_mapping(mapping, guessed, source.path.name)
        otherwise = "Answer with --yes, or say the columns with --map."
        if guessed and not wanted.yes and not agreed("Go on with these columns?", otherwise):
            return EXIT_USAGE
        digest = await asyncio.to_thread(source.digest, mapping)
        name = wanted.name or run_name(source.path.name, digest)
        now = system.runs.control.clock()
        spool = Spool(
            kind=source.kind,
            source=source.path.name,
            digest=digest,
            created_at=now,
            updated_at=now,
            columns=tuple(dataset.columns),
            mapping=mapping.columns,
            constants=mapping.constants,
            app_id=wanted.app_id,
            priority=wanted.priority,
        )
        stored = await system.runs.control.begin(name, spool)
    if stored.read:
        err.print(f"Going on with run [bold]{name}[/]: {stored.read:,} rows are stored.", highlight=False)
    reading = _Reading(system, name, source, mapping, wanted.rejects or Path(f"{source.path.stem}.rejects.csv"))
    if wanted.sample and stored.read < wanted.sample and not stored.sealed:
        stored = await reading.spool(stored, limit=wanted.sample)
        await watch_run(system, name)
        await _show_sample(system, name)
        if not wanted.yes and (code := _whole_file(name)) is not None:
            return code
    stored = await reading.spool(stored)
    out.print(name, highlight=False)
    err.print(f"Run [bold]{name}[/]: {stored.jobs:,} jobs of {stored.read:,} rows.", highlight=False)
    code = reading.tell_rejects(stored)
    if wanted.wait:
        code = max(code, await watch_run(system, name))
    return code


class _Reading:
    """Reads a file into a run, with a bar, and lists the rows that are no jobs."""

    def __init__(self, system: Backend, name: str, source: Source, mapping: ColumnMapping, rejects: Path) -> None:
        self._system = system
        self._name = name
        self._source = source
        self._mapping = mapping
        self._rejects = rejects

    async def spool(self, spool: Spool, limit: int | None = None) -> Spool:
        """Store what isn't stored."""
        system, kind = self._system, self._source.kind
        check = RowCheck(system.kinds[kind], system.lines[kind], self._mapping)
        place = self._upload if self._source.path.is_dir() else None
        if place is not None:
            await _container(system)
        self._rejects.unlink(missing_ok=True)
        with self._source.open() as dataset, _bar() as bar:
            task = bar.add_task("reading", total=None, rows=0)
            spooled: AsyncIterator[Spooled] = system.runs.spooler.spool(
                self._name, spool, dataset.rows, check, stepwise=kind in system.stepwise, limit=limit, place=place
            )
            async for found in spooled:
                spool = found.spool
                self._list(found.rejected)
                bar.update(task, rows=spool.read)
        return spool

    def tell_rejects(self, spool: Spool) -> int:
        """Say where the rejected rows are listed. Returns the exit code."""
        if not spool.rejected:
            return EXIT_OK
        err.print(f"[yellow]{spool.rejected:,} rows are no jobs[/]: {escape(str(self._rejects))} says why.")
        with self._rejects.open(encoding="utf-8-sig", newline="") as file:
            for row in islice(csv.DictReader(file), _REJECTS_SHOWN):
                err.print(f"  line {row['line']}: {row['reason']}", highlight=False, markup=False)
        return EXIT_JOBS_FAILED

    def _list(self, rows: list[PartRow]) -> None:
        if not rows:
            return
        new = not self._rejects.exists()
        with self._rejects.open("a", encoding="utf-8-sig" if new else "utf-8", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["line", "row", "reason", "values"])
            writer.writerows([row.line, row.number, neutral(row.reason), neutral(to_json(row.values))] for row in rows)

    async def _upload(self, part: int, row: PartRow) -> PartRow:
        """A recording goes into its job's folder, so that it is deleted with the job."""
        prefix = JobRecord.prefix("audio", run_job_id(self._name, part, row.number))
        blob = f"{prefix}/{row.values[FILE]}"
        container = self._system.blobs.get_container_client(SENT_CONTAINER)
        with (self._source.path / str(row.values[FILE])).open("rb") as file:
            await container.upload_blob(blob, file, overwrite=True, max_concurrency=4)
        return replace(row, body={**(row.body or {}), "audio": f"{SENT_CONTAINER}/{blob}"})


def files_of(folder: Path) -> list[Path]:
    """The files of a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def show_mapping(mapping: ColumnMapping, guessed: list[str], file: str) -> None:
    """Which column is which field."""
    err.print(f"Columns of {escape(file)}:", highlight=False)
    for name, column in mapping.columns.items():
        note = " [dim](guessed)[/]" if name in guessed else ""
        err.print(f"  {name} = {escape(column)}{note}", highlight=False)
    for name, value in mapping.constants.items():
        err.print(f"  {name} is {escape(str(flat(value)))} in every row", highlight=False)


def _whole_file(name: str) -> int | None:
    """Ask whether to go on after the sample. Returns the exit code where the answer is no."""
    code = EXIT_OK
    try:
        if agreed("Go on with the whole file?", "Answer with --yes."):
            return None
    except typer.Abort:
        err.print()
        code = EXIT_INTERRUPTED
    err.print(f"Run {name} waits: `sluice run start` with the same file goes on, `sluice run cancel` ends it.")
    return code


async def _show_sample(system: Backend, name: str) -> None:
    run = await system.runs.store.get(name)
    rows = [row async for row in system.runs.results.rows(run)]
    outcomes = [dict(row.outcome) for row in rows if row.outcome]
    out.print(outcome_table(outcomes, title=f"The first {len(rows)} rows", kind=run.spool.kind))


async def _container(system: Backend) -> None:
    from azure.core.exceptions import ResourceExistsError

    with suppress(ResourceExistsError):
        await system.blobs.get_container_client(SENT_CONTAINER).create_container()


def _bar() -> Progress:
    columns = (TextColumn("reading"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)
