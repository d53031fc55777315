"""Spans as lines: the same as the library's exporter writes, in less time."""

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from shared.telemetry.span_lines import SpanLines, line_of
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
    assert json.loads(line_of(recorded.spans)) == theirs(recorded.spans)


def test_a_full_disk_is_a_failed_export() -> None:
    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(28, "No space left on device")

    with recording() as recorded, get_tracer("x").start_span("x"):
        pass
    assert SpanLines(Full()).export(recorded.spans) is SpanExportResult.FAILURE
