"""What records in a process, made of the settings: where it goes, how much of it, and how it ends."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.monitor.opentelemetry.exporter._constants import _APPLICATIONINSIGHTS_AUTHENTICATION_STRING
from azure.monitor.opentelemetry.exporter.export.metrics import _exporter as azure_metrics
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from shared.config import telemetry_settings
from shared.telemetry import start
from shared.telemetry.events import log_event
from shared.telemetry.exporters import AZURE_TEMPORALITY, span_line, span_processors
from shared.telemetry.metrics import increment_counter
from shared.telemetry.pipeline import sampler_of
from shared.telemetry.prometheus import Figure, render
from shared.telemetry.tracing import get_tracer, span_context
from shared.telemetry_settings import TelemetrySettings
from tests.support.recording import Recorded

tracer = get_tracer(__name__)
logger = logging.getLogger("shared.jobs.test")


@pytest.fixture
def settings(tmp_path: Path) -> TelemetrySettings:
    env = {"SLUICE_TELEMETRY": "file,prometheus", "SLUICE_TELEMETRY_DIR": str(tmp_path), "ANY_KEY": "s3cr3t-s3cr3t"}
    return telemetry_settings(env)


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    start.stop_telemetry()  # that of services which other tests have built in this process
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.INFO)
    yield
    start.stop_telemetry()
    logging.getLogger().setLevel(level)


def rows(settings: TelemetrySettings, signal: str, *names: str) -> list[Any]:
    """What OTLP nests, of all batches: on a slow machine there are several."""
    found = [json.loads(line) for line in settings.file_of(signal).read_text().splitlines()]
    for name in names:
        found = [item for outer in found for item in outer[name]]
    return found


def test_spans_metrics_and_logs_are_in_files_when_it_stops(settings: TelemetrySettings) -> None:
    start.start_telemetry(settings)
    start.start_telemetry(replace(settings, exporters=()))  # changes nothing
    with tracer.start_span("work", tags={"n": 1}) as span:
        log_event(logger, "job_published", job_id="j1", status="failed", note="key=s3cr3t-s3cr3t")
    increment_counter("sluice.jobs.accepted", tags={"sluice.job.kind": "feedback"})
    start.stop_telemetry()

    (written,) = rows(settings, "traces", "resourceSpans", "scopeSpans", "spans")
    assert (written["name"], written["traceId"]) == ("work", (span.traceparent or "")[3:35])
    (line,) = rows(settings, "logs", "resourceLogs", "scopeLogs", "logRecords")
    assert line["body"] == {"stringValue": "job_published job_id=j1 status=failed note='key=[redacted]'"}
    assert (line["traceId"], line["severityText"], line["eventName"]) == (written["traceId"], "INFO", "job_published")
    attributes = {one["key"]: one["value"]["stringValue"] for one in line["attributes"]}
    assert attributes == {"job_id": "j1", "status": "failed", "note": "key=[redacted]"}
    metrics = rows(settings, "metrics")[-1]["resourceMetrics"][0]
    assert [metric["name"] for metric in metrics["scopeMetrics"][0]["metrics"]] == ["sluice.jobs.accepted"]
    resource = {one["key"]: one["value"]["stringValue"] for one in metrics["resource"]["attributes"]}
    assert resource["service.name"] == "sluice"
    assert resource["service.instance.id"].startswith(settings.instance)


def test_an_error_that_is_logged_stays_a_log_line_and_is_redacted(settings: TelemetrySettings) -> None:
    start.start_telemetry(replace(settings, signals=("logs",)))
    try:
        raise ValueError("prompt: planted")
    except ValueError:
        logger.exception("It failed, with the password=hunter2hunter2.")
    logging.getLogger("azure.core").warning("of the exporter itself")
    start.stop_telemetry()
    (line,) = rows(settings, "logs", "resourceLogs", "scopeLogs", "logRecords")
    assert "hunter2" not in json.dumps(line)
    assert "planted" not in json.dumps(line)
    attributes = {one["key"] for one in line["attributes"]}
    assert attributes == {"error.type", "code.stacktrace"}


def test_nothing_is_recorded_where_it_is_off(settings: TelemetrySettings) -> None:
    start.start_telemetry(replace(settings, exporters=()))
    assert start.pipeline() is None
    with tracer.start_span("work") as span:
        assert span.traceparent is None
    start.stop_telemetry()
    assert list(settings.folder.iterdir()) == []


def test_wrong_settings_turn_it_off_with_a_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_TELEMETRY", "nowhere")
    with caplog.at_level(logging.ERROR):
        start.start_telemetry()
    assert start.pipeline() is None
    assert "telemetry_off" in caplog.text
    assert "SLUICE_TELEMETRY must name some of" in caplog.text


def _decides(settings: TelemetrySettings, traceparent: str | None, trace_id: int) -> bool:
    parent = span_context(traceparent)
    context = None if parent is None else set_span_in_context(NonRecordingSpan(parent))
    return sampler_of(settings).should_sample(context, trace_id, "x").decision is Decision.RECORD_AND_SAMPLE


def test_all_processes_decide_alike_and_leave_out_what_a_sender_left_out(settings: TelemetrySettings) -> None:
    tenth = replace(settings, sample_ratio=0.1)
    ids = [number * (2**64 // 1000) + 1 for number in range(1000)]
    kept = [one for one in ids if _decides(tenth, None, one)]
    assert len(kept) == pytest.approx(100, abs=2)
    assert kept == [one for one in ids if _decides(tenth, f"00-{one:032x}-{'b' * 16}-01", one)]
    assert not any(_decides(settings, f"00-{one:032x}-{'b' * 16}-00", one) for one in ids)


def test_in_azure_what_the_host_let_through_is_not_asked_again(settings: TelemetrySettings) -> None:
    azure = replace(settings, exporters=("azure",), sample_ratio=0.0)
    assert _decides(azure, f"00-{'a' * 32}-{'b' * 16}-01", int("a" * 32, 16))
    assert not _decides(azure, f"00-{'a' * 32}-{'b' * 16}-00", int("a" * 32, 16))
    assert not _decides(azure, None, int("a" * 32, 16))


def test_the_exporters_of_azure_are_as_ours_take_them_to_be() -> None:
    assert azure_metrics.APPLICATION_INSIGHTS_METRIC_TEMPORALITIES == AZURE_TEMPORALITY
    # Which the exporter reads by itself, for its managed identity; infra/ sets it.
    assert _APPLICATIONINSIGHTS_AUTHENTICATION_STRING == "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"


def test_exporters_are_made_with_the_first_export(settings: TelemetrySettings, recorded: Recorded) -> None:
    processors = span_processors(replace(settings, exporters=("file", "prometheus", "console")))
    assert len(processors) == 2
    assert not settings.file_of("traces").exists()
    with tracer.start_span("work"):
        pass
    processors[0].on_end(recorded.spans[0])
    processors[0].force_flush()
    assert settings.file_of("traces").exists()
    for processor in processors:
        processor.shutdown()


def test_a_span_on_the_console_is_one_line(recorded: Recorded) -> None:
    with tracer.start_span("work", tags={"job": "a\nb"}):
        pass
    assert span_line(recorded.spans[0]).count("\n") == 1
    assert " work " in span_line(recorded.spans[0])


def test_prometheus_gets_figures_of_the_process_with_its_name_and_those_of_all_without(
    settings: TelemetrySettings,
) -> None:
    start.start_telemetry(settings)
    increment_counter("sluice.jobs.accepted", 3, tags={"sluice.job.kind": "feedback"})
    running = start.pipeline()
    assert running is not None
    figures = [Figure("sluice_jobs", "Jobs.", ("kind", "state"), {("audio", "failed"): 2, ("audio", "pending"): 0})]
    body, kind = render(running.registry, figures)
    text = body.decode()
    assert kind.startswith("text/plain")
    own = next(line for line in text.splitlines() if line.startswith("sluice_jobs_accepted_total"))
    assert f'service_instance_id="{settings.instance}-' in own
    assert own.endswith(" 3.0")
    assert 'sluice_jobs{kind="audio",state="failed"} 2.0' in text
    assert 'sluice_jobs{kind="audio",state="pending"} 0.0' in text

    without, _ = render(None, figures)
    assert b"accepted" not in without
    assert b"sluice_jobs{" in without
    assert render(None, figures, "application/openmetrics-text; version=1.0.0")[1].startswith("application/openmetrics")
