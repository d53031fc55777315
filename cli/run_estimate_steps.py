"""`sluice estimate` for jobs of several calls: what they need at least, and at most."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from cli.console import EXIT_OK, err, out
from cli.quota import quota_facts
from cli.run_start import FILE, Source, show_mapping
from shared.audio.ffmpeg import find_ffmpeg
from shared.audio.prepare import AudioLimits, measure
from shared.audio.workspace import workspace
from shared.bootstrap import Backend, deployments
from shared.bootstrap.kinds import audio_files
from shared.bootstrap.runs import rates_of_deployment
from shared.errors import PermanentError
from shared.jobs.audio import AudioJob
from shared.jobs.audio_estimate import SPEECH_WORDS_A_MINUTE, transcription_needs
from shared.jobs.call_needs import Needs, NeedsRange
from shared.jobs.reasoning import ReasoningJob
from shared.messages import to_json
from shared.runs.estimate import Quota, latest_s
from shared.runs.parts import PartRow
from shared.runs.spooling import RowCheck

OVERHEAD_S = 5.0
"""From the last start to the last end, and of the slow start."""
_CHUNK = 1_000
_BACKLOG_LIMIT = 100_000
_ONE_AFTER_ANOTHER = "The calls of a job follow each other: how long the model takes for each comes on top."
_NOT_REPEATED = "Calls that are repeated, as an answer was invalid or the model failed, are in neither."


@dataclass(slots=True)
class StepsEstimate:
    """What a file needs.

    Attributes:
        needs: by deployment.
        failing: jobs that will fail, by the reason's code: nothing is counted for them.
        unread: jobs with inputs that aren't looked at.
    """

    rows: int = 0
    rejected: int = 0
    needs: dict[str, NeedsRange] = field(default_factory=dict)
    failing: Counter[str] = field(default_factory=Counter)
    unread: int = 0

    def add(self, deployment: str, needs: NeedsRange) -> None:
        """Some more calls."""
        self.needs[deployment] = self.needs.get(deployment, NeedsRange()).plus(needs)


async def estimate_steps(system: Backend, source: Source, *, as_json: bool) -> int:
    """Say what a run of this file would need.

    Raises:
        ConfigurationError: there is no FFmpeg to measure recordings.
        DatasetError, OSError, TransientError
    """
    quotas = await quota_facts(system)
    found = StepsEstimate()
    with source.mapped() as (dataset, mapping, guessed):
        show_mapping(mapping, guessed, source.path.name)
        check = RowCheck(system.kinds[source.kind], system.lines[source.kind], mapping)
        counting = _Counting(system, source, found)
        with spinner("measuring recordings" if source.kind == "audio" else "counting tokens") as progress:
            task = progress.add_task("", rows=0)
            while chunk := await asyncio.to_thread(checked, dataset.rows, check):
                await counting.count(chunk)
                progress.update(task, rows=found.rows)
    known = {name: await known_quota(system, name, quotas[name]) for name in found.needs}
    facts = _facts(system, source.kind, found, known)
    facts["quota_note"] = next((quotas[name]["error"] for name in known if quotas[name]["error"]), None)
    if as_json:
        out.print_json(json.dumps(facts))
    else:
        out.print(_table(facts))
        for note in facts["notes"]:
            err.print(note, highlight=False)
    return EXIT_OK


class _Counting:
    """Adds what rows need."""

    def __init__(self, system: Backend, source: Source, found: StepsEstimate) -> None:
        self._system = system
        self._source = source
        self._found = found
        self._limits = AudioLimits.of(system.settings.media)
        self._turns = asyncio.Semaphore(os.cpu_count() or 1)

    async def count(self, rows: list[PartRow]) -> None:
        self._found.rows += len(rows)
        self._found.rejected += sum(row.body is None for row in rows)
        kind = self._system.kinds[self._source.kind]
        jobs = [row for row in rows if row.body is not None]
        if isinstance(kind, AudioJob):
            await asyncio.gather(*(self._recording(kind, row) for row in jobs))
        elif isinstance(kind, ReasoningJob):
            await asyncio.to_thread(self._tasks, kind, jobs)

    def _tasks(self, kind: ReasoningJob, rows: list[PartRow]) -> None:
        for row in rows:
            request = kind.decode(to_json(row.body).encode())
            self._found.add(kind.deployment, kind.needs(request))
            self._found.unread += any(one.reference for one in request.inputs)

    async def _recording(self, kind: AudioJob, row: PartRow) -> None:
        request = kind.decode(to_json(row.body).encode())
        async with self._turns:
            try:
                duration_s = await self._measure(request.audio, row)
            except PermanentError as error:
                self._found.failing[error.code] += 1
                return
        self._found.add(kind.deployment, transcription_needs(duration_s, self._limits))
        analysis = await asyncio.to_thread(kind.analysis_needs, request, duration_s)
        if analysis.most.calls:
            self._found.add(self._system.settings.chat.openai.deployment or "", analysis)

    async def _measure(self, audio: str, row: PartRow) -> float:
        """By the app's own eyes. What isn't on this machine is fetched for it."""
        ffmpeg = find_ffmpeg(self._system.settings.media.ffmpeg_path)
        async with workspace(0) as folder:
            path = folder / "source"
            if self._source.path.is_dir():
                path = self._source.path / str(row.values[FILE])
            else:
                await audio_files(self._system.settings, self._system.blobs).fetch(audio, path)
            return await measure(path, folder, ffmpeg, self._limits)


async def known_quota(system: Backend, deployment: str, facts: Mapping[str, Any]) -> Quota:
    """What of a deployment's quota there is now.

    Args:
        facts: see quota_facts.
    """
    calls, tokens = await system.pending.backlog(deployment, _BACKLOG_LIMIT)
    limits = facts["limits"]
    return Quota(
        tpm=limits["tpm"],
        rpm=limits["rpm"],
        bias=facts.get("bias", 1.0),
        backlog_calls=calls,
        backlog_tokens=tokens,
        frozen_s=facts.get("frozen_for_s", 0.0),
    )


def until(duration_s: float) -> str:
    """A length of time, and when it will be over."""
    end = datetime.now(UTC).astimezone() + timedelta(seconds=duration_s)
    return f"{timedelta(seconds=round(duration_s))}, until {end:%Y-%m-%d %H:%M}"


def spinner(doing: str) -> Progress:
    """Of work on rows."""
    columns = (SpinnerColumn(), TextColumn(doing + ", {task.fields[rows]:,} rows"))
    return Progress(*columns, console=err, transient=True)


def checked(rows: Iterator[Any], check: RowCheck) -> list[PartRow]:
    """The next rows of a file, with what is wrong with each; none at its end."""
    return [check.check(row) for row in islice(rows, _CHUNK)]


def _facts(system: Backend, kind: str, found: StepsEstimate, known: Mapping[str, Quota]) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "rejected": found.rejected,
        "jobs": found.rows - found.rejected,
        "failing": dict(found.failing),
        "from": _bound(system, {name: needs.least for name, needs in found.needs.items()}, known),
        "to": _bound(system, {name: needs.most for name, needs in found.needs.items()}, known),
        "currency": system.settings.runs.currency,
        "quotas": {
            name: {
                "tokens_per_minute": quota.tpm,
                "requests_per_minute": quota.rpm,
                "backlog_calls": quota.backlog_calls,
                "backlog_tokens": quota.backlog_tokens,
            }
            for name, quota in known.items()
        },
        "notes": _notes(kind, found),
    }


def _bound(system: Backend, needs: Mapping[str, Needs], known: Mapping[str, Quota]) -> dict[str, Any]:
    settings = deployments(system.settings)
    costs = [
        rates_of_deployment(system.settings, settings[name]).of(one.input_tokens, one.output_tokens, one.audio_s)
        for name, one in needs.items()
    ]
    took_s = latest_s(((one, known[name]) for name, one in needs.items()), OVERHEAD_S)
    return {
        "calls": {name: one.calls for name, one in needs.items()},
        "input_tokens": sum(one.input_tokens for one in needs.values()),
        "output_tokens": sum(one.output_tokens for one in needs.values()),
        "charged_tokens": {name: one.charged_tokens for name, one in needs.items()},
        "audio_s": round(sum(one.audio_s for one in needs.values()), 1),
        "cost": None if None in costs else round(sum(cost for cost in costs if cost is not None), 4),
        "duration_s": round(took_s, 1),
        "ends_at": (datetime.now(UTC) + timedelta(seconds=took_s)).isoformat(timespec="seconds"),
    }


def _notes(kind: str, found: StepsEstimate) -> list[str]:
    notes = []
    if kind == "reasoning":
        notes.append("From: short answers that are right. To: answers as long as they may be, and a revision of each.")
        if found.unread:
            notes.append(
                f"{found.unread:,} jobs have inputs that are blobs: these aren't read here, and count as empty."
            )
    else:
        notes.append(
            f"From and to: pauses decide how many chunks there are; analyses take no call where nobody speaks, and at "
            f"most those for {SPEECH_WORDS_A_MINUTE} words a minute."
        )
        if found.failing:
            reasons = ", ".join(f"{code} {count:,}" for code, count in sorted(found.failing.items()))
            notes.append(f"{found.failing.total():,} recordings will fail: {reasons}. Silent ones show only later.")
    return [*notes, _ONE_AFTER_ANOTHER, _NOT_REPEATED]


def _table(facts: Mapping[str, Any]) -> Table:
    low, high = facts["from"], facts["to"]
    table = Table.grid(padding=(0, 2))
    table.add_row("", "[dim]from[/]", "[dim]to[/]")
    rejected = f", [yellow]{facts['rejected']:,} of them no jobs[/]" if facts["rejected"] else ""
    table.add_row("rows", f"{facts['rows']:,}{rejected}")
    for name in low["calls"]:
        table.add_row(f"calls of {name}", f"{low['calls'][name]:,}", f"{high['calls'][name]:,}")
    if high["audio_s"]:
        table.add_row("recordings", *(f"{side['audio_s'] / 60:,.1f} minutes" for side in (low, high)))
    if high["input_tokens"]:
        table.add_row("tokens", *(f"{s['input_tokens']:,} in, {s['output_tokens']:,} out" for s in (low, high)))
    unknown = "not known: set SLUICE_PRICES"
    costs = (unknown if s["cost"] is None else f"{s['cost']:,.2f} {facts['currency']}" for s in (low, high))
    table.add_row("cost", *costs)
    for name, quota in facts["quotas"].items():
        limits = f"{quota['tokens_per_minute']:,} tokens, {quota['requests_per_minute']:,} requests a minute"
        table.add_row(f"quota of {name}", limits, f"{quota['backlog_calls']:,} calls before it")
    if facts["quota_note"]:
        table.add_row("", "of the settings: the app wasn't reached")
    table.add_row("takes", *(until(side["duration_s"]) for side in (low, high)))
    return table
