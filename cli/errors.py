"""`sluice errors`: failed jobs from the store and dead letters from the queues, side by side."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from cli.console import EXIT_JOBS_FAILED, EXIT_OK, err, out
from cli.tables import FirstThatFits
from shared.bootstrap import Backend
from shared.errors import ConfigurationError, ConflictError, PermanentError, UnknownQueueError
from shared.jobs.intake import Delivery
from shared.jobs.record import JobRecord, JobState
from shared.messages import Envelope, OutgoingMessage, RunTicket
from shared.messaging.browser import QueueBrowser, browse

DEAD = "dead:"


@dataclass(frozen=True, slots=True)
class Problem:
    """One failed job, or one dead letter (whose id is `dead:{queue}:{sequence number}`)."""

    id: str
    kind: str
    when: datetime | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which problems a command is about: ids, or everything that fits a filter."""

    ids: tuple[str, ...] = ()
    everything: bool = False
    code: str | None = None

    def check(self) -> None:
        """Refuse an empty or contradictory selection."""
        chosen = bool(self.ids) + self.everything + (self.code is not None and not self.everything)
        if chosen != 1:
            raise ConfigurationError("Name job ids, or give --all (with --code CODE for some of them), or --code CODE.")


async def problems(backend: Backend, kind: str, selection: Selection, limit: int) -> AsyncIterator[Problem]:
    """Failed jobs, newest first, then dead letters."""
    count = 0
    async for record in backend.store.failures(kind):
        if selection.code in (None, record.error_code):
            if count >= limit:
                return
            count += 1
            yield _of_record(record)
    async with browse(backend.settings.service_bus) as browser:
        queues = backend.kinds[kind].queues
        for queue in (queues.inbox, queues.run, queues.outbox):
            async for problem in _dead_letters(browser, kind, queue):
                if selection.code in (None, problem.code):
                    if count >= limit:
                        return
                    count += 1
                    yield problem


async def show_list(backend: Backend, kind: str, *, code: str | None, limit: int, as_json: bool) -> int:
    """Print the list."""
    found = [p async for p in problems(backend, kind, Selection(everything=True, code=code), limit)]
    if as_json:
        for problem in found:
            row = {**asdict(problem), "when": problem.when and problem.when.isoformat()}
            out.print(json.dumps(row, ensure_ascii=False), soft_wrap=True, markup=False, highlight=False)
        return EXIT_OK
    if not found:
        err.print("No failed jobs and no dead letters.")
        return EXIT_OK
    out.print(problem_table(found))
    err.print("`sluice errors show JOB` shows one whole; `sluice errors retry JOB` runs it again.")
    return EXIT_OK


def problem_table(found: Sequence[Problem]) -> FirstThatFits:
    """For people: a row for each problem."""
    wide = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("job", "when (UTC)", "code"):
        wide.add_column(name, no_wrap=True)
    wide.add_column("reason", min_width=24, overflow="fold")
    close = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for name in ("job", "when (UTC)"):
        close.add_column(name, no_wrap=True)
    close.add_column("reason", min_width=20, overflow="fold")
    for problem in found:
        job, code, reason = escape(problem.id), escape(problem.code), escape(problem.message)
        wide.add_row(job, f"{problem.when:%Y-%m-%d %H:%M:%S}" if problem.when else "", code, reason)
        close.add_row(job, f"{problem.when:%m-%d %H:%M:%S}" if problem.when else "", f"{code}: {reason}")
    return FirstThatFits(wide, close)


async def show_one(backend: Backend, kind: str, job_id: str) -> int:
    """Print one failed job or dead letter whole, its original body included."""
    if job_id.startswith(DEAD):
        queue, number = _parse_dead(job_id)
        async with browse(backend.settings.service_bus) as browser:
            async for message in browser.peek(queue, dead_letters=True, after=number - 1, limit=1):
                if message.sequence_number == number:
                    properties = _properties(message)
                    out.print_json(
                        json.dumps({"id": job_id, "message_id": message.message_id, **properties}, default=str)
                    )
                    out.print(
                        b"".join(message.body).decode("utf-8", "backslashreplace"),
                        soft_wrap=True,
                        markup=False,
                        highlight=False,
                    )
                    return EXIT_OK
        raise UnknownQueueError(f"There is no dead letter {number} in {queue}.")
    record = await _job(backend, kind, job_id)
    outcome = await backend.failed_jobs.outcome(record)
    facts = {
        "job_id": record.job_id,
        "kind": record.kind,
        "state": record.state,
        "attempt": record.attempt,
        "replay": record.replay,
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "correlation_id": record.correlation_id,
        "app_id": record.app_id,
        "run_id": record.run_id,
        "outcome": json.loads(outcome) if outcome else None,
    }
    out.print_json(json.dumps(facts, ensure_ascii=False))
    body = await backend.failed_jobs.body(record)
    out.print("[bold]Original body:[/]")
    _print_body(body)
    return EXIT_OK


def _print_body(body: bytes) -> None:
    out.print(body.decode("utf-8", "backslashreplace"), soft_wrap=True, markup=False, highlight=False)


async def retry(backend: Backend, kind: str, selection: Selection, body: Path | None) -> int:
    """Run jobs again."""
    selection.check()
    if body is not None and len(selection.ids) != 1:
        raise ConfigurationError("--body FILE mends one job: name its id.")
    mended = body.read_bytes() if body else None

    async def one(job_id: str) -> None:
        if job_id.startswith(DEAD):
            await _retry_dead(backend, kind, job_id)
        else:
            await backend.failed_jobs.replay(await _job(backend, kind, job_id), mended)

    return await _each(backend, kind, selection, one, "sent again")


async def discard(backend: Backend, kind: str, selection: Selection, *, yes: bool) -> int:
    """Take jobs off the list of failures."""
    selection.check()
    if not yes and not selection.ids:
        typer.confirm("Discard all of these failures?", abort=True)

    async def one(job_id: str) -> None:
        if job_id.startswith(DEAD):
            queue, number = _parse_dead(job_id)
            async with browse(backend.settings.service_bus) as browser, browser.dead_letter(queue, number):
                pass
        else:
            await backend.failed_jobs.discard(await _job(backend, kind, job_id))

    return await _each(backend, kind, selection, one, "discarded")


async def _each(
    backend: Backend, kind: str, selection: Selection, action: Callable[[str], Awaitable[None]], done: str
) -> int:
    ids = selection.ids or tuple([p.id async for p in problems(backend, kind, selection, limit=100_000)])
    failed = 0
    for job_id in ids:
        try:
            await action(job_id)
        except (PermanentError, ConflictError) as error:
            failed += 1
            err.print(f"[red]{escape(job_id)}[/]: {escape(str(error))}", highlight=False)
    err.print(f"{len(ids) - failed} {done}" + (f", {failed} not." if failed else "."))
    return EXIT_JOBS_FAILED if failed else EXIT_OK


async def _job(backend: Backend, kind: str, job_id: str) -> JobRecord:
    record = await backend.store.get(kind, job_id)
    if record is None:
        raise ConfigurationError(f"There is no {kind} job {job_id}.")
    return record


async def _retry_dead(backend: Backend, kind: str, problem_id: str) -> None:
    """A dead letter of the in or run queue goes through the job store; one of the out queue is sent again."""
    queue, number = _parse_dead(problem_id)
    queues = backend.kinds[kind].queues
    async with browse(backend.settings.service_bus) as browser, browser.dead_letter(queue, number) as message:
        body = b"".join(message.body)
        if queue == queues.inbox:
            envelope = Envelope.from_message(
                message.message_id or "",
                _properties(message),
                correlation_id=message.correlation_id,
                reply_to=message.reply_to,
            )
            await backend.intake.accept(kind, [Delivery(envelope, body)])
        elif queue == queues.run:
            ticket = RunTicket.decode(body)
            record = await _job(backend, kind, ticket.job_id)
            if record.state is JobState.FAILED:
                await backend.failed_jobs.replay(record)
            elif record.state is JobState.PENDING:
                await backend.lines[kind].enqueue([record])
        else:
            properties = {k: v for k, v in _properties(message).items() if not k.startswith("DeadLetter")}
            # Another id: duplicate detection would drop the original one.
            copy = OutgoingMessage(
                f"{message.message_id}:{number}"[-128:], body.decode(), message.correlation_id, properties
            )
            await backend.sender.send(queue, [copy])


async def _dead_letters(browser: QueueBrowser, kind: str, queue: str) -> AsyncIterator[Problem]:
    async for message in browser.peek(queue, dead_letters=True):
        properties = _properties(message)
        yield Problem(
            id=f"{DEAD}{queue}:{message.sequence_number}",
            kind=kind,
            when=message.enqueued_time_utc,
            code=str(properties.get("DeadLetterReason") or "dead_letter"),
            message=str(properties.get("DeadLetterErrorDescription") or f"message {message.message_id}"),
        )


def _of_record(record: JobRecord) -> Problem:
    code, message = record.error_code or "", record.error_message or ""
    return Problem(record.job_id, record.kind, record.updated_at, code, message)


def _parse_dead(problem_id: str) -> tuple[str, int]:
    queue, _, number = problem_id.removeprefix(DEAD).rpartition(":")
    if not queue or not number.isdigit():
        raise ConfigurationError(f"{problem_id} is not the id of a dead letter (dead:QUEUE:NUMBER).")
    return queue, int(number)


def _properties(message: Any) -> dict[str, Any]:
    def text(value: Any) -> Any:
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    return {str(text(k)): text(v) for k, v in (message.application_properties or {}).items()}
