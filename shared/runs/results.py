"""What became of the rows of a run: in their order, a part at a time."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.jobs.record import JobRecord, JobState, run_of
from shared.runs.part_jobs import PartJobs
from shared.runs.parts import PartRow, PartStore
from shared.runs.rows import RunState
from shared.runs.store import Run
from shared.storage.payloads import PayloadStore

REJECTED, WAITING, DELETED = "rejected", "waiting", "deleted"
_CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row of the file, and what became of it.

    Attributes:
        status: that of its job; "rejected" where it is none, "waiting" before there is one, "deleted" afterwards.
        outcome: as stored, of a job that has ended.
    """

    row: PartRow
    status: str
    job_id: str | None = None
    outcome: Mapping[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether it stays so."""
        return self.status not in (WAITING, JobState.PENDING, JobState.RUNNING, JobState.PAUSED)

    @property
    def result(self) -> Mapping[str, Any]:
        """What the job gave; empty where it gave nothing."""
        return self.outcome.get("result") or {}

    @property
    def error(self) -> tuple[str, str]:
        """Code and reason of a row that failed or was rejected; else both empty."""
        if self.row.reason is not None:
            return "rejected", self.row.reason
        found = self.outcome.get("error") or {}
        return str(found.get("code") or ""), str(found.get("message") or "")


class RunResults:
    """Reads results. Memory holds two parts at a time, however long the run."""

    def __init__(self, files: PartStore, jobs: PartJobs, payloads: PayloadStore) -> None:
        self._files = files
        self._jobs = jobs
        self._payloads = payloads

    async def rows(self, run: Run) -> AsyncIterator[RowResult]:
        """All rows that are stored, each once, in the order of the file.

        Raises:
            StorageError
        """
        following: asyncio.Task[list[RowResult]] | None = None
        try:
            for part in range(run.spool.parts):
                this = following or asyncio.ensure_future(self.part(run, part))
                following = asyncio.ensure_future(self.part(run, part + 1)) if part + 1 < run.spool.parts else None
                for row in await this:
                    yield row
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def part(self, run: Run, part: int) -> list[RowResult]:
        """The rows of one part.

        Raises:
            StorageError
        """
        rows, records = await asyncio.gather(
            self._files.read(run.name, part), self._jobs.read(run.spool.kind, run.name, part)
        )
        jobs = {found[2]: record for record in records if (found := run_of(record.job_id))}
        missing = DELETED if part < run.head.fed else WAITING
        if missing is WAITING and run.head.state is RunState.CANCELLED:
            missing = str(JobState.CANCELLED)
        turns = asyncio.Semaphore(_CONCURRENCY)

        async def one(row: PartRow) -> RowResult:
            if row.body is None:
                return RowResult(row, REJECTED)
            record = jobs.get(row.number)
            if record is None:
                return RowResult(row, missing)
            return RowResult(row, str(record.state), record.job_id, await self._outcome(record, turns))

        return await asyncio.gather(*(one(row) for row in rows))

    async def _outcome(self, record: JobRecord, turns: asyncio.Semaphore) -> dict[str, Any]:
        if not record.state.final or record.outcome is None:
            return {}
        async with turns:
            found: dict[str, Any] = json.loads(await self._payloads.load(record.outcome))
        return found


@dataclass(frozen=True, slots=True)
class ResultColumns:
    """The columns of a table of results: those of the file, then ours, all of different names.

    Attributes:
        result: names of fields of the result, "sentiment.label" for one within another.
    """

    given: Sequence[str]
    result: Sequence[str]

    @property
    def names(self) -> list[str]:
        """All of them."""
        ours = ["result_status", *(f"result_{name.replace('.', '_')}" for name in self.result)]
        ours += ["result_error", "result_reason", "result_input_tokens", "result_output_tokens"]
        taken = set(self.given)
        return [*self.given, *(name if name not in taken else f"sluice_{name}" for name in ours)]

    def cells(self, found: RowResult) -> list[Any]:
        """Of one row; None where there is nothing. Lists are joined, objects are JSON."""
        usage = found.outcome.get("usage") or {}
        return [
            *(flat(found.row.values.get(name)) for name in self.given),
            found.status,
            *(flat(_within(found.result, name)) for name in self.result),
            *(text or None for text in found.error),
            usage.get("input_tokens"),
            usage.get("output_tokens"),
        ]


def flat(value: Any) -> Any:
    """A value as one cell."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return value


def _within(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def result_fields(schema: Mapping[str, Any]) -> list[str]:
    """The fields that a schema of results has, those of objects within them one by one."""
    names: list[str] = []
    for name, part in (schema.get("properties") or {}).items():
        inner = part.get("properties") if isinstance(part, Mapping) and part.get("type") == "object" else None
        names += [f"{name}.{field}" for field in inner] if inner else [name]
    return names
