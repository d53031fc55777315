"""Where spans, metrics and logs go: the exporters of the settings. Imported when telemetry begins, never at indexing.

Their libraries are imported with the first export, in its thread: that of Azure Monitor takes a second or two, which no
job waits for.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult

from shared.telemetry.bounded_file import BoundedFile
from shared.telemetry.formats import printable
from shared.telemetry.span_lines import SpanLines
from shared.telemetry_settings import TelemetrySettings

AZURE_TEMPORALITY: dict[type, AggregationTemporality] = {
    Counter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
    ObservableCounter: AggregationTemporality.DELTA,
    ObservableGauge: AggregationTemporality.CUMULATIVE,
    ObservableUpDownCounter: AggregationTemporality.CUMULATIVE,
    UpDownCounter: AggregationTemporality.CUMULATIVE,
}
"""What the exporter of Azure Monitor asks for, which has to be known before it is made."""


QUEUE = 8_192
"""Spans that may wait for their export; more are dropped, which the SDK says once. As many logs."""
EXPORT_DELAY_MS = 1_000
"""Spans and logs leave after this: an instance that is ended loses no more."""


def span_processors(settings: TelemetrySettings, provider: TracerProvider | None = None) -> list[SpanProcessor]:
    """Those of traces, each with a thread of its own.

    Args:
        provider: whose spans they get: Azure Monitor's asks it whose telemetry this is.
    """

    def azure() -> SpanExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter

        return AzureMonitorTraceExporter(connection_string=settings.connection_string, tracer_provider=provider)

    def otlp() -> SpanExporter:
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()

    def batches(make: Callable[[], SpanExporter]) -> SpanProcessor:
        return BatchSpanProcessor(_LateSpanExporter(make), QUEUE, EXPORT_DELAY_MS)

    makers: dict[str, Callable[[], SpanProcessor]] = {
        "azure": lambda: batches(azure),
        "otlp": lambda: batches(otlp),
        "file": lambda: SpanLines(_stream(settings, "traces"), QUEUE, EXPORT_DELAY_MS),
        "console": lambda: batches(_console_spans),
    }
    return [makers[name]() for name in settings.exporters if name in makers]


def metric_exporters(settings: TelemetrySettings) -> list[MetricExporter]:
    """Those of metrics."""

    def azure() -> MetricExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter

        return AzureMonitorMetricExporter(connection_string=settings.connection_string)

    def otlp() -> MetricExporter:
        from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter

        return OTLPMetricExporter()

    def file() -> MetricExporter:
        from opentelemetry.exporter.otlp.json.file import FileMetricExporter

        return FileMetricExporter(stream=_stream(settings, "metrics"))

    def console() -> MetricExporter:
        from opentelemetry.exporter.otlp.json.file import FileMetricExporter

        return FileMetricExporter(stream=sys.stderr)

    makers = {"azure": azure, "otlp": otlp, "file": file, "console": console}
    return [
        _LateMetricExporter(makers[name], AZURE_TEMPORALITY if name == "azure" else None)
        for name in settings.exporters
        if name in makers
    ]


def log_exporters(settings: TelemetrySettings) -> list[LogRecordExporter]:
    """Those of logs. The console has them anyway."""

    def azure() -> LogRecordExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter

        return AzureMonitorLogExporter(connection_string=settings.connection_string)

    def otlp() -> LogRecordExporter:
        from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter

        return OTLPLogExporter()

    def file() -> LogRecordExporter:
        from opentelemetry.exporter.otlp.json.file._log_exporter import FileLogExporter

        return FileLogExporter(stream=_stream(settings, "logs"))

    makers = {"azure": azure, "otlp": otlp, "file": file}
    return [_LateLogExporter(makers[name]) for name in settings.exporters if name in makers]


def _stream(settings: TelemetrySettings, signal: str) -> Any:
    return BoundedFile(settings.file_of(signal), settings.max_bytes)


def _console_spans() -> SpanExporter:
    return ConsoleSpanExporter(out=sys.stderr, formatter=span_line)


def span_line(span: ReadableSpan) -> str:
    """A span for people: its trace, name, duration and tags."""
    took_ms = ((span.end_time or 0) - (span.start_time or 0)) / 1e6
    tags = " ".join(f"{name}={value!s}" for name, value in (span.attributes or {}).items())
    return printable(f"span {span.context.trace_id:032x} {span.name} {took_ms:.1f} ms {tags}") + "\n"


class _LateSpanExporter(SpanExporter):
    """Made with the first export."""

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._make = make
        self._made: SpanExporter | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._made = self._made or self._make()
        return self._made.export(spans)

    def shutdown(self) -> None:
        if self._made is not None:
            self._made.shutdown()


class _LateMetricExporter(MetricExporter):
    """Made with the first export."""

    def __init__(
        self, make: Callable[[], MetricExporter], temporality: dict[type, AggregationTemporality] | None
    ) -> None:
        super().__init__(preferred_temporality=temporality)
        self._make = make
        self._made: MetricExporter | None = None

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        self._made = self._made or self._make()
        return self._made.export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._made is None or self._made.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        if self._made is not None:
            self._made.shutdown(timeout_millis, **kwargs)


class _LateLogExporter(LogRecordExporter):
    """Made with the first export."""

    def __init__(self, make: Callable[[], LogRecordExporter]) -> None:
        self._make = make
        self._made: LogRecordExporter | None = None

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self._made = self._made or self._make()
        return self._made.export(batch)

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        return self._made is None or self._made.force_flush(timeout_millis)

    def shutdown(self) -> None:
        if self._made is not None:
            self._made.shutdown()  # type: ignore[no-untyped-call]
