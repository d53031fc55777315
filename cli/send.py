"""`sluice send`: put jobs from a file on their queue, and follow them if asked."""

import asyncio
import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.audio_files import is_media, upload
from cli.console import EXIT_JOBS_FAILED, EXIT_OK, err, out
from cli.inputs import FORMS, BadLine, InputJob, read_jobs
from cli.outcomes import outcome_table
from cli.progress import progress_line, running_jobs
from shared.bootstrap import Backend
from shared.errors import InvalidMessageError
from shared.jobs.record import row_key
from shared.messages import OutgoingMessage, to_json
from shared.telemetry.events import quiet_libraries

_BATCH = 100
# Above this a body travels as a claim check: a message holds 256 KB (Service Bus quotas, Standard tier).
_MESSAGE_LIMIT_BYTES = 200_000
_POLL_S = 0.3
_TABLE_LIMIT = 40


def new_run_name() -> str:
    """A short name that no earlier run has."""
    return f"{time.strftime('%m%d-%H%M')}-{secrets.token_hex(2)}"


async def send_file(
    backend: Backend,
    kind: str,
    source: str,
    *,
    run: str | None,
    app_id: str | None,
    priority: str,
    print_ids: bool,
    fields: Mapping[str, Any] | None = None,
) -> tuple[list[str], int]:
    """Send every good line of a file, or audio files.

    Job ids are `{run}-{line}`, so sending the same file again under the same run name adds nothing.

    Args:
        fields: for every job, in place of what its line says.

    Returns:
        The job ids that were sent, and how many lines were bad (each is reported with its number).
    """
    quiet_libraries()
    name = run or new_run_name()
    sent: list[str] = []
    bad = 0
    with _progress("sending") as progress:
        task = progress.add_task("sending", total=None, doing="")
        found: Iterable[InputJob | BadLine]
        if kind == "audio" and is_media(source):
            found = await upload(backend.blobs, source, name, _job_id)
        else:
            found = read_jobs(source, FORMS[kind])
        batch: list[OutgoingMessage] = []
        for item in _checked(backend, kind, found, fields or {}):
            if isinstance(item, BadLine):
                bad += 1
                err.print(f"[red]line {item.line}[/]: {item.reason}", highlight=False)
                continue
            job_id = _job_id(name, item.line)
            batch.append(await _message(backend, kind, job_id, item, name, app_id, priority))
            sent.append(job_id)
            if len(batch) == _BATCH:
                await backend.sender.send(backend.kinds[kind].queues.inbox, batch)
                progress.update(task, completed=len(sent))
                batch = []
        await backend.sender.send(backend.kinds[kind].queues.inbox, batch)
        progress.update(task, completed=len(sent), total=len(sent))
    if print_ids:
        for job_id in sent:
            out.print(job_id, soft_wrap=True, markup=False, highlight=False)
    err.print(f"Sent {len(sent)} {kind} jobs as run [bold]{name}[/]" + (f", {bad} bad lines left out." if bad else "."))
    return sent, bad


async def follow(backend: Backend, kind: str, job_ids: list[str], *, timeout_s: float, as_json: bool) -> int:
    """Wait until these jobs have ended, showing progress, then show their outcomes.

    Returns:
        EXIT_OK if all succeeded, else EXIT_JOBS_FAILED.
    """
    outcomes: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + timeout_s
    with _progress("waiting for results") as progress:
        task = progress.add_task("waiting for results", total=len(job_ids), doing="")
        while len(outcomes) < len(job_ids) and time.monotonic() < deadline:
            open_ids = [i for i in job_ids if i not in outcomes][:_BATCH]
            for job_id, outcome in zip(
                open_ids, await asyncio.gather(*(_outcome(backend, kind, i) for i in open_ids)), strict=True
            ):
                if outcome is not None:
                    outcomes[job_id] = outcome
            jobs = await running_jobs(backend.settings.app, kind) if kind in backend.stepwise else []
            progress.update(task, completed=len(outcomes), doing=progress_line(jobs))
            await asyncio.sleep(_POLL_S)
    ended = [outcomes[i] for i in job_ids if i in outcomes]
    _show(kind, ended, as_json=as_json)
    failed = sum(o["status"] != "succeeded" for o in ended)
    missing = len(job_ids) - len(ended)
    err.print(
        f"{len(ended) - failed} succeeded, {failed} failed"
        + (f", [red]{missing} without an outcome after {timeout_s:.0f} s[/]" if missing else "")
        + "."
    )
    return EXIT_OK if not failed and not missing else EXIT_JOBS_FAILED


def _show(kind: str, outcomes: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for outcome in outcomes:
            out.print(to_json(outcome), soft_wrap=True, markup=False, highlight=False)
        return
    out.print(outcome_table(outcomes[:_TABLE_LIMIT], kind=kind))
    if len(outcomes) > _TABLE_LIMIT:
        err.print(f"({len(outcomes) - _TABLE_LIMIT} more; --json shows all)")


async def _outcome(backend: Backend, kind: str, job_id: str) -> dict[str, Any] | None:
    record = await backend.store.get(kind, job_id)
    if record is None or not record.state.final:
        return None
    data = await backend.failed_jobs.outcome(record)
    if data is None:
        return None
    outcome: dict[str, Any] = json.loads(data)
    return outcome


def _job_id(run: str, line: int) -> str:
    return f"{run}-{line:06d}"


def _checked(
    backend: Backend, kind: str, found: Iterable[InputJob | BadLine], fields: Mapping[str, Any]
) -> Iterator[InputJob | BadLine]:
    for item in found:
        if isinstance(item, BadLine):
            yield item
            continue
        job = InputJob(item.line, to_json({**json.loads(item.body), **fields})) if fields else item
        try:
            backend.kinds[kind].decode(job.body.encode())
        except InvalidMessageError as error:
            yield BadLine(item.line, str(error))
        else:
            yield job


async def _message(
    backend: Backend, kind: str, job_id: str, item: InputJob, run: str, app_id: str | None, priority: str
) -> OutgoingMessage:
    properties: dict[str, str | int | None] = {"run_id": run, "app_id": app_id, "priority": priority}
    body = item.body
    if len(body.encode()) > _MESSAGE_LIMIT_BYTES:
        name = f"{kind}/{row_key(job_id)}/body.json"
        await backend.payloads.leave(name, body.encode())
        properties["claim_check"] = name
        body = ""
    return OutgoingMessage(job_id, body, properties=properties)


def _progress(title: str) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[doing]}[/]"),
        console=err,
        transient=True,
    )
