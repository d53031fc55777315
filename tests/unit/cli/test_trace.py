"""The waterfall of a job: which spans are a job's, how they are drawn, and what is said where there are none."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.spans import SpanRow, spans_of, traces_of_job, tree
from cli.trace import waterfall, why_not
from shared.config import telemetry_settings
from shared.jobs.record import JobRecord
from shared.messages import Envelope
from shared.storage.payloads import Payload
from shared.telemetry.exporters import span_processors
from shared.telemetry.tracing import Kind, get_tracer
from shared.telemetry_settings import TelemetrySettings
from tests.support.recording import recording

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
tracer = get_tracer(__name__)


@pytest.fixture
def settings(tmp_path: Path) -> TelemetrySettings:
    return telemetry_settings({"SLUICE_TELEMETRY": "file", "SLUICE_TELEMETRY_DIR": str(tmp_path)})


def write(settings: TelemetrySettings) -> None:
    """Two jobs and the cycle that let both through."""
    (processor,) = span_processors(settings)
    with recording() as recorded:
        for job in ("j1", "j2"):
            with (
                tracer.start_span("send in", kind=Kind.PRODUCER, tags={"messaging.message.id": job}),
                tracer.start_span("process in", tags={"sluice.job.id": job, "sluice.job.status": "failed"}) as inner,
            ):
                inner.fail("invalid_message")
        with tracer.start_span("pump gpt", links=(inner.traceparent,), tags={"sluice.pump.booked": 2}):
            pass
    for span in recorded.spans:
        processor.on_end(span)
    processor.shutdown()


def test_the_spans_of_a_job_are_those_of_its_trace(settings: TelemetrySettings) -> None:
    write(settings)
    path = settings.file_of("traces")
    with path.open("a") as file:
        file.write('{"resourceSpans": [{"j1": "not of this form"}], "x": "\\"j1\\""}\n["\\"j1\\""]\n')
    (spans,) = traces_of_job(path, "j1")
    assert [(span.name, span.kind, span.failed) for span in spans] == [
        ("send in", "PRODUCER", False),
        ("process in", "INTERNAL", True),
    ]
    assert spans[1].tags["error.type"] == "invalid_message"
    assert spans_of(path, spans[0].trace_id) == spans
    assert traces_of_job(path, "j") == []
    assert traces_of_job(settings.file_of("nothing"), "j1") == []


def test_it_is_drawn_with_a_row_for_each_span(settings: TelemetrySettings) -> None:
    write(settings)
    (spans,) = traces_of_job(settings.file_of("traces"), "j2")
    console = Console(width=150, force_terminal=False)
    with console.capture() as captured:
        console.print(waterfall(spans))
    title, _, first, second = captured.get().splitlines()
    assert spans[0].trace_id in title
    assert first.startswith("send in ")
    assert second.startswith("  process in ")
    assert "failed, invalid_message" in second
    assert "█" in first


def span(number: int, parent: str, start_s: float, end_s: float) -> SpanRow:
    return SpanRow("t", f"{number}", parent, f"n{number}\x1b[31m", "INTERNAL", start_s, end_s, {}, (), failed=False)


@given(st.lists(st.tuples(st.integers(0, 9).map(str), st.floats(0, 1e10), st.floats(0, 1e10)), min_size=1, max_size=10))
def test_whatever_was_written_is_drawn_once_each(drawn: list[tuple[str, float, float]]) -> None:
    spans = [span(number, parent, *sorted(times)) for number, (parent, *times) in enumerate(drawn)]
    placed = tree(spans)
    # Spans that are each other's parents have no beginning; nobody writes such.
    assert len({one.span_id for _, one in placed}) == len(placed) <= len(spans)
    console = Console(width=200)
    with console.capture() as captured:
        console.print(waterfall(spans))
    assert "\x1b[31m" not in captured.get()


def record(traceparent: str | None) -> JobRecord:
    return JobRecord.new("feedback", Envelope("j1", traceparent=traceparent), Payload(0, "", inline=""), NOW)


def test_what_keeps_a_trace_from_being_drawn_is_said(settings: TelemetrySettings) -> None:
    assert why_not("j1", settings, [], written=True) == "There is no job j1."
    assert "telemetry was off when it came" in why_not("j1", settings, [record(None)], written=True)
    assert "No spans were written" in why_not("j1", settings, [record(TRACE)], written=False)
    assert "SLUICE_TELEMETRY_SAMPLE_RATIO" in why_not("j1", settings, [record(TRACE)], written=True)
    elsewhere = telemetry_settings({"SLUICE_TELEMETRY": "otlp"})
    assert "sends them to otlp" in why_not("j1", elsewhere, [record(TRACE)], written=False)
    azure = telemetry_settings({"APPLICATIONINSIGHTS_CONNECTION_STRING": "x"})
    said = why_not("j1", azure, [record(TRACE)], written=False)
    assert f'operation_Id in ("{"a" * 32}")' in said
    assert json.dumps(said)
