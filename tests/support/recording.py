"""Telemetry that is kept in memory, to look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry.metrics import use_meter_provider
from shared.telemetry.pipeline import ChosenIds
from shared.telemetry.tracing import use_tracer_provider


class Recorded:
    """What was recorded."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(id_generator=ChosenIds())
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._reader])

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, in that order."""
        return list(self._spans.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        """The one of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def metric(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Attributes and value (of a histogram, its sum) of each point."""
        data = self._reader.get_metrics_data()
        return [
            (dict(point.attributes), getattr(point, "sum", None) if hasattr(point, "sum") else point.value)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@contextmanager
def recording() -> Iterator[Recorded]:
    """Record in memory what is done within."""
    found = Recorded()
    use_tracer_provider(found.tracers)
    use_meter_provider(found.meters)
    try:
        yield found
    finally:
        use_tracer_provider(None)
        use_meter_provider(None)


def traceparent_of(span: ReadableSpan) -> str:
    """As it is handed on."""
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
