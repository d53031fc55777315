"""Spans as lines of JSON, as OTLP defines them, for a fraction of what the library's exporter costs.

That one makes an object of a class for every attribute, then a dictionary of all of them, then the text: more than the
span itself has cost. A test holds both against each other.

A span becomes text as it ends, and only the text waits for its batch. While a thousand spans wait with all they
consist of, the collector walks over them and everything else has left the processor's caches: that costs more than
the text.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext

_HAS_PARENT_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
"""Of `flags` in OTLP's trace.proto: whether it is known that the parent is in another process, and whether it is."""
_json = json.JSONEncoder(separators=(",", ":")).encode


class SpanText(NamedTuple):
    """A span that has ended.

    Attributes:
        context: what the batch processor asks whether the span is sampled.
        text: the span itself, as JSON.
    """

    context: SpanContext
    resource: Resource
    scope: str
    text: str


class SpanLines(BatchSpanProcessor):
    """Writes a line for each batch.

    Args:
        stream: gets whole lines, in a thread of the processor.
        max_queue_size: spans that may wait; more are dropped.
        schedule_delay_ms: how long a span waits at most.
    """

    def __init__(self, stream: IO[str], max_queue_size: int, schedule_delay_ms: float) -> None:
        super().__init__(_Writer(stream), max_queue_size, schedule_delay_ms)

    def on_end(self, span: ReadableSpan) -> None:
        """See SpanProcessor."""
        if span.context.trace_flags.sampled:
            super().on_end(text_of(span))  # type: ignore[arg-type]  # hands on whatever has a context


class _Writer(SpanExporter):
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        try:
            self._stream.write(line_of(spans))
        except OSError:  # the disk is full, or the folder is gone
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS


def line_of(spans: Sequence[SpanText]) -> str:
    """A batch of one process: one TracesData of OTLP."""
    by_scope: dict[str, list[str]] = defaultdict(list)
    for span in spans:
        by_scope[span.scope].append(span.text)
    scopes = [f'{{"scope":{{"name":{_json(name)}}},"spans":[{",".join(texts)}]}}' for name, texts in by_scope.items()]
    resource = f'{{"attributes":{_attributes(spans[0].resource.attributes)}}}' if spans else "{}"
    return f'{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{",".join(scopes)}]}}]}}\n'


def text_of(span: ReadableSpan) -> SpanText:
    """A span as OTLP defines it. All of it is copied: the span may go."""
    context, parent, scope = span.context, span.parent, span.instrumentation_scope
    attributes: Any = span.attributes
    status = span.status.status_code.value
    parts = [
        f'"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}","flags":{_flags(parent)}',
        f'"name":{_json(span.name)},"kind":{span.kind.value + 1}',
        f'"startTimeUnixNano":"{span.start_time}","endTimeUnixNano":"{span.end_time}"',
        f'"status":{{"code":{status}}}' if status else '"status":{}',
    ]
    if parent is not None:
        parts.append(f'"parentSpanId":"{parent.span_id:016x}"')
    if attributes:
        # A copy of the library's attributes is a plain dictionary, which is read in a fraction of the time.
        parts.append(f'"attributes":{_attributes(attributes.copy())}')
    if span.links:
        parts.append(f'"links":[{",".join([_link(link.context) for link in span.links])}]')
    return SpanText(context, span.resource, "" if scope is None else scope.name, f"{{{','.join(parts)}}}")


def _flags(parent: SpanContext | None) -> int:
    return _HAS_PARENT_IS_REMOTE | (_IS_REMOTE if parent is not None and parent.is_remote else 0)


def _link(context: SpanContext) -> str:
    return f'{{"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}","flags":{_flags(context)}}}'


def _attributes(attributes: Mapping[str, Any]) -> str:
    pairs = [f'{{"key":{_name(name)},"value":{_value(value)}}}' for name, value in attributes.items()]
    return f"[{','.join(pairs)}]"


@functools.lru_cache(256)  # there are few of them
def _name(name: str) -> str:
    return _json(name)


def _value(value: Any) -> str:
    """OTLP's AnyValue. Whole numbers are texts there, as JSON's are not exact."""
    if isinstance(value, str):
        return f'{{"stringValue":{_json(value)}}}'
    if isinstance(value, bool):
        return f'{{"boolValue":{_json(value)}}}'
    if isinstance(value, int):
        return f'{{"intValue":"{value}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{_json(value)}}}'
    if isinstance(value, Sequence):
        return f'{{"arrayValue":{{"values":[{",".join([_value(one) for one in value])}]}}}}'
    return "{}"  # no value: this runs where the span ends, and must not raise there
