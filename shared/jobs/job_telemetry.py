"""What is told of jobs: their metrics, and the spans that no single function can have.

A job's record holds the context of the span that moved the job on. Whoever works on the job goes on from there: across
queues, orchestrations and processes, with no need for one to hand a span to the next.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from shared.jobs.pending_call import PendingCall
from shared.jobs.record import JobRecord, JobState
from shared.telemetry.metrics import increment_counter, observe
from shared.telemetry.tracing import (
    ERROR_TYPE,
    Span,
    TagValue,
    current_span,
    current_traceparent,
    get_tracer,
    span_context,
)

ORCHESTRATION = "job_steps"

_tracer = get_tracer(__name__)


def job_accepted(record: JobRecord) -> None:
    """A job was taken in."""
    increment_counter("sluice.jobs.accepted", tags={"sluice.job.kind": record.kind})
    if record.state is JobState.FAILED:
        job_ended(record)


def job_ended(record: JobRecord) -> None:
    """The outcome of a job was written: once for each end."""
    tags = {
        "sluice.job.kind": record.kind,
        "sluice.job.status": str(record.state),
        ERROR_TYPE: record.error_code,
    }
    increment_counter("sluice.jobs.ended", tags=tags)
    observe("sluice.job.duration", max(0.0, (record.updated_at - record.created_at).total_seconds()), tags)
    current_span().set_tags({**job_tags(record.kind, record.job_id), "sluice.job.status": str(record.state)})
    if record.error_code is not None:
        current_span().set_tag(ERROR_TYPE, record.error_code)


def job_retried(kind: str, reason: str) -> None:
    """An attempt failed, and another is made."""
    increment_counter("sluice.jobs.retried", tags={"sluice.job.kind": kind, ERROR_TYPE: reason})


def call_admitted(deployment: str, call: PendingCall, start_s: float, now_s: float, cycle: Span) -> None:
    """The pump has let a call through: a span in the job's trace for how long it waited, with a link to the cycle.

    Args:
        start_s: of its booking.
        now_s: by the clock of bookings.
    """
    waited_s = max(0.0, now_s - call.due_ms / 1000)
    tags: dict[str, TagValue] = {"gen_ai.request.model": deployment, "sluice.job.kind": call.kind}
    increment_counter("sluice.calls.booked", tags={name: str(value) for name, value in tags.items()})
    observe("sluice.call.wait", waited_s, {name: str(value) for name, value in tags.items()})
    if call.traceparent is not None:
        _tracer.record(
            f"admit {deployment}",
            parent=call.traceparent,
            links=(cycle.traceparent,),
            tags={
                **tags,
                **job_tags(call.kind, call.job_id),
                "sluice.booking": call.booking,
                "sluice.booking.tokens": call.tokens,
                "sluice.booking.start_in_s": round(max(0.0, start_s - now_s), 3),
            },
            start_s=now_s - waited_s,
            end_s=now_s,
        )


def orchestration_traceparent(record: JobRecord) -> str | None:
    """The context of a job's orchestration; None where its job has none.

    Its span is recorded when it is over, as code that is replayed can't hold one open. So its id is not random but made
    of the job's: everybody who works for the orchestration knows it.
    """
    context = span_context(record.traceparent)
    if context is None:
        return None
    return f"00-{context.trace_id:032x}-{_orchestration_id(record):016x}-{context.trace_flags & 1:02x}"


def orchestration_ended(record: JobRecord, now: datetime, error: str | None = None) -> None:
    """The orchestration of a job is over.

    Args:
        record: as it was while the orchestration ran: it has been since the record was changed.
        error: code of what the job failed with.
    """
    if record.traceparent is not None:
        _tracer.record(
            f"orchestration:{ORCHESTRATION}",
            parent=record.traceparent,
            tags={
                "durabletask.type": "orchestration",
                "durabletask.task.name": ORCHESTRATION,
                **job_tags(record.kind, record.job_id),
            },
            start_s=record.updated_at.timestamp(),
            end_s=now.timestamp(),
            span_id=_orchestration_id(record),
            error=error,
        )


@contextmanager
def activity(task: str, record: JobRecord, **tags: TagValue | None) -> Iterator[Span]:
    """A span for what an activity does for the orchestration of a job. The host's own for its call is linked."""
    given = {f"sluice.step.{tag}": value for tag, value in tags.items()}
    here = current_traceparent()
    with _tracer.start_span(
        f"activity:{task}",
        parent=orchestration_traceparent(record) or here or "",
        links=(here,),
        tags={
            "durabletask.type": "activity",
            "durabletask.task.name": task,
            **job_tags(record.kind, record.job_id),
            **given,
        },
    ) as span:
        yield span


def job_tags(kind: str, job_id: str) -> dict[str, TagValue]:
    """Whose span it is."""
    return {"sluice.job.id": job_id, "sluice.job.kind": kind}


def moved_on(record: JobRecord) -> JobRecord:
    """The record with the context of the span that runs here, where one does in the job's own trace."""
    here = span_context(current_traceparent())
    known = span_context(record.traceparent)
    if here is None or (known is not None and known.trace_id != here.trace_id):
        return record
    return record.changed(record.updated_at, traceparent=current_traceparent())


def _orchestration_id(record: JobRecord) -> int:
    name = f"{record.traceparent}\n{record.kind}\n{record.job_id}\n{record.booking}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) or 1
