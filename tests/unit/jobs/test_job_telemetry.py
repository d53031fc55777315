"""What is told of jobs: counts of their ends, the wait for a booking, and the orchestration's one span."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.jobs.job_telemetry import (
    activity,
    call_admitted,
    job_accepted,
    job_ended,
    moved_on,
    orchestration_ended,
    orchestration_traceparent,
)
from shared.jobs.pending_call import PendingCall
from shared.jobs.record import JobRecord, JobState
from shared.messages import Envelope
from shared.storage.payloads import Payload
from shared.telemetry.tracing import get_tracer
from tests.support.recording import Recorded, recording, traceparent_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
tracer = get_tracer(__name__)


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with recording() as found:
        yield found


@pytest.fixture
def record() -> JobRecord:
    made = JobRecord.new("audio", Envelope("j1", traceparent=TRACE), Payload(0, "", inline=""), NOW)
    return replace(made, state=JobState.RUNNING)


def test_ends_are_counted_with_their_reason(recorded: Recorded, record: JobRecord) -> None:
    job_accepted(record)
    failed = record.changed(NOW + timedelta(seconds=30), state=JobState.FAILED, error_code="invalid_audio")
    with tracer.start_span("process"):
        job_ended(failed)
    job_accepted(failed)  # a message that was bad at once
    kind = {"sluice.job.kind": "audio"}
    ended = {**kind, "sluice.job.status": "failed", "error.type": "invalid_audio"}
    assert recorded.metric("sluice.jobs.accepted") == [(kind, 2)]
    assert recorded.metric("sluice.jobs.ended") == [(ended, 2)]
    assert recorded.metric("sluice.job.duration") == [(ended, 60.0)]
    tags = dict(recorded.span("process").attributes or {})
    assert (tags["sluice.job.id"], tags["sluice.job.status"], tags["error.type"]) == ("j1", "failed", "invalid_audio")


def test_everybody_knows_the_orchestrations_span_before_it_is_recorded(recorded: Recorded, record: JobRecord) -> None:
    known = orchestration_traceparent(record)
    assert known is not None
    with activity("job_step_call", record, name="solve", attempt=2):
        pass
    orchestration_ended(record, NOW + timedelta(seconds=7), "abandoned")
    step, whole = recorded.spans
    assert traceparent_of(whole) == known
    assert step.parent is not None
    assert (step.parent.span_id, step.parent.trace_id) == (whole.context.span_id, whole.context.trace_id)
    assert (whole.end_time or 0) - (whole.start_time or 0) == pytest.approx(7e9)
    assert dict(step.attributes or {}) == {
        "durabletask.type": "activity",
        "durabletask.task.name": "job_step_call",
        "sluice.job.id": "j1",
        "sluice.job.kind": "audio",
        "sluice.step.name": "solve",
        "sluice.step.attempt": 2,
    }
    # A replay of the job is another orchestration.
    assert orchestration_traceparent(replace(record, booking=2)) != known


def test_a_job_without_a_trace_has_no_orchestration_to_tell_of(recorded: Recorded, record: JobRecord) -> None:
    bare = replace(record, traceparent=None)
    assert orchestration_traceparent(bare) is None
    assert orchestration_traceparent(replace(record, traceparent="nonsense")) is None
    orchestration_ended(bare, NOW)
    with activity("job_next_round", bare):
        pass
    assert [span.name for span in recorded.spans] == ["activity:job_next_round"]


def test_a_call_that_is_let_through_tells_how_long_it_waited(recorded: Recorded, record: JobRecord) -> None:
    pending = PendingCall.of(replace(record, tokens=500))
    now_s = NOW.timestamp() + 12.5
    with tracer.start_span("pump gpt") as cycle:
        call_admitted("gpt", pending, now_s + 1.5, now_s, cycle)
        call_admitted("gpt", replace(pending, traceparent=None), now_s, now_s, cycle)
    admitted = recorded.span("admit gpt")
    assert traceparent_of(admitted)[:36] == TRACE[:36]
    assert [link.context.span_id for link in admitted.links] == [recorded.span("pump gpt").context.span_id]
    assert (admitted.end_time or 0) - (admitted.start_time or 0) == pytest.approx(12.5e9, abs=1e6)
    tags = dict(admitted.attributes or {})
    assert (tags["sluice.booking.tokens"], tags["sluice.booking.start_in_s"]) == (500, 1.5)
    assert recorded.metric("sluice.calls.booked")[0][1] == 2
    assert recorded.metric("sluice.call.wait")[0][1] == pytest.approx(25.0)


def test_the_record_moves_on_with_the_span_of_its_own_trace_only(recorded: Recorded, record: JobRecord) -> None:
    assert moved_on(record) is record
    with tracer.start_span("of another trace"):
        assert moved_on(record) is record
    with tracer.start_span("process run", parent=TRACE) as span:
        moved = moved_on(record)
    assert moved.traceparent == span.traceparent
    assert moved == replace(record, traceparent=span.traceparent)


def test_a_round_of_steps_carries_the_orchestrations_context(record: JobRecord) -> None:
    waiting = {
        "instance": "i",
        "event": "e",
        "kind": "audio",
        "job_id": "j1",
        "booking": 1,
        "tokens": 5,
        "app_id": "",
        "priority": "normal",
        "at_s": 100.0,
        "traceparent": orchestration_traceparent(record),
    }
    call = PendingCall.orchestrated(**waiting)
    assert PendingCall.from_row(call.to_row("gpt")).traceparent == orchestration_traceparent(record)
    del waiting["traceparent"]  # of an orchestration that began in an earlier version
    assert PendingCall.orchestrated(**waiting).traceparent is None
