"""Spans as lines: the same as the library's exporter writes, in less time."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, StaticSampler

from shared.telemetry.span_lines import SpanLines, line_of, text_of
from shared.telemetry.tracing import Kind, get_tracer
from tests.support.recording import recording

SENT = f"00-{'a' * 32}-{'b' * 16}-01"
_VALUES = st.one_of(
    st.text(max_size=20),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text(max_size=5), min_size=1, max_size=3),
)


def theirs(spans: Any) -> Any:
    stream = io.StringIO()
    FileSpanExporter(stream=stream).export(spans)
    return json.loads(stream.getvalue())


@given(
    name=st.text(min_size=1, max_size=20),
    kind=st.sampled_from(list(Kind)),
    tags=st.dictionaries(st.text(min_size=1, max_size=10), _VALUES, max_size=5),
    links=st.lists(st.just(SENT), max_size=2),
    remote=st.booleans(),
    failed=st.booleans(),
)
def test_they_are_what_the_library_writes(
    name: str, kind: Kind, tags: dict[str, Any], links: list[str], remote: bool, failed: bool
) -> None:
    with recording() as recorded:
        first, second = get_tracer("first"), get_tracer("second")
        with (
            first.start_span(name, kind=kind, parent=SENT, links=links, tags=tags) as span,
            second.start_span("inner", parent=SENT) if remote else first.start_span("inner"),
        ):
            if failed:
                span.fail("code")
    assert json.loads(line_of([text_of(span) for span in recorded.spans])) == theirs(recorded.spans)


def written(*, stream: io.StringIO, sampler: StaticSampler = ALWAYS_ON) -> list[str]:
    """Lines of two spans."""
    provider = TracerProvider(sampler)
    provider.add_span_processor(SpanLines(stream, 1_000, 60_000))
    for name in ("one", "two"):
        provider.get_tracer("x").start_span(name).end()
    provider.force_flush()
    lines = stream.getvalue().splitlines()
    provider.shutdown()
    return lines


def test_a_batch_is_a_line() -> None:
    (line,) = written(stream=io.StringIO())
    (resource,) = json.loads(line)["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    assert {span["name"] for span in scope["spans"]} == {"one", "two"}


def test_what_is_recorded_but_not_sampled_is_not_written() -> None:
    assert written(stream=io.StringIO(), sampler=StaticSampler(Decision.RECORD_ONLY)) == []


def test_a_value_that_is_none_keeps_no_span_from_ending() -> None:
    context = TracerProvider().get_tracer("x").start_span("x").get_span_context()
    span = ReadableSpan("x", context, attributes={"a": None})
    assert '{"key":"a","value":{}}' in text_of(span).text


def test_a_full_disk_costs_the_batch_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(28, "No space left on device")

    assert written(stream=Full()) == []
    assert caplog.text == ""
