"""Spans: what they hold, whom they belong to, and what is handed on where none is recorded."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.errors import RateLimitedError
from shared.telemetry.tracing import (
    Kind,
    Parent,
    current_span,
    current_traceparent,
    error_code,
    get_tracer,
    span_context,
    trace,
)
from tests.support.recording import Recorded, traceparent_of

SENT = f"00-{'a' * 32}-{'b' * 16}-01"
tracer = get_tracer(__name__)


def test_a_span_has_its_tags_and_belongs_to_the_one_around_it(recorded: Recorded) -> None:
    with tracer.start_span("outer", tags={"a": 1, "b": None}) as outer:
        outer.set_tag("c", "x")
        with tracer.start_span("inner", kind=Kind.CLIENT, links=(SENT, None, "nonsense")):
            current_span().set_tags({"d": True, "e": None})
    inner, out = recorded.spans
    assert (dict(out.attributes or {}), out.parent) == ({"a": 1, "c": "x"}, None)
    assert inner.parent is not None
    assert inner.parent.span_id == out.context.span_id
    assert (inner.kind, dict(inner.attributes or {})) == (Kind.CLIENT, {"d": True})
    assert [link.context.trace_id for link in inner.links] == [int("a" * 32, 16)]
    assert outer.traceparent == traceparent_of(out)


def test_a_span_belongs_to_the_context_that_it_is_given(recorded: Recorded) -> None:
    with tracer.start_span("around"):
        with tracer.start_span("given", parent=SENT) as span:
            assert (span.traceparent or "").startswith(SENT[:36])
        with tracer.start_span("none", parent=Parent.NONE):
            pass
        with tracer.start_span("nonsense", parent="00-xyz"):
            pass
    found = recorded.span("given").parent
    assert found is not None
    assert (found.span_id, found.is_remote) == (int("b" * 16, 16), True)
    assert recorded.span("none").parent is None
    assert recorded.span("nonsense").parent is None
    assert current_traceparent() is None


def test_an_error_leaves_its_code_and_no_text(recorded: Recorded) -> None:
    with pytest.raises(RateLimitedError), tracer.start_span("call"):
        raise RateLimitedError("the prompt was: secret")
    (span,) = recorded.spans
    assert span.status.status_code is otel.StatusCode.ERROR
    assert dict(span.attributes or {}) == {"error.type": "rate_limited"}
    assert "secret" not in span.to_json()


def test_a_past_span_can_be_recorded_under_an_id_that_was_told_before(recorded: Recorded) -> None:
    tracer.record("past", parent=SENT, start_s=100.0, end_s=103.5, span_id=0x1234, error="abandoned")
    tracer.record("backwards", start_s=100.0, end_s=90.0)
    past, backwards = recorded.spans
    assert past.context.span_id == 0x1234
    assert (past.start_time, past.end_time) == (100_000_000_000, 103_500_000_000)
    assert dict(past.attributes or {}) == {"error.type": "abandoned"}
    assert backwards.end_time == backwards.start_time
    assert backwards.context.span_id != 0x1234


async def test_calls_of_a_function_become_spans(recorded: Recorded) -> None:
    @trace("sync")
    def double(number: int) -> int:
        return 2 * number

    @trace("async")
    async def triple(number: int) -> int:
        with tracer.start_span("within"):
            return 3 * number

    assert (double(2), await triple(2), double.__name__) == (4, 6, "double")
    assert [span.name for span in recorded.spans] == ["sync", "within", "async"]


def test_without_telemetry_the_given_context_is_handed_on() -> None:
    with tracer.start_span("off", parent=SENT) as span:
        span.set_tag("a", 1)
        span.fail("x")
        assert span.traceparent == SENT
    with tracer.start_span("off") as span:
        assert span.traceparent is None
    tracer.record("off", parent=SENT, start_s=1.0)
    current_span().set_tag("a", 1)


def test_codes_name_errors() -> None:
    assert error_code(RateLimitedError()) == "rate_limited"
    assert error_code(ValueError("text")) == "ValueError"
    strange = ValueError()
    strange.code = "it's a text"  # type: ignore[attr-defined]
    assert error_code(strange) == "ValueError"


_HEX = st.text("0123456789abcdef", min_size=1, max_size=34)


@given(
    st.one_of(
        st.text(max_size=80),
        st.builds("{}-{}-{}-{}{}".format, _HEX, _HEX, _HEX, _HEX, st.sampled_from(["", "-", "-x"])),
        st.builds(
            "{}-{:032x}-{:016x}-{}{}".format,
            st.sampled_from(["00", "01", "cc", "ff", "0", "FF"]),
            st.integers(0, 2**128 - 1),
            st.integers(0, 2**64 - 1),
            st.sampled_from(["00", "01", "03", "ff", "1", "0G"]),
            st.sampled_from(["", "-", "-more", " ", "x"]),
        ),
    )
)
@example(f"00-{'0' * 32}-{'b' * 16}-01")
@example(f"00-{'a' * 32}-{'0' * 16}-01")
@example(SENT)
def test_contexts_are_read_as_opentelemetry_reads_them(text: str) -> None:
    carrier = {"traceparent": text}
    theirs = otel.get_current_span(TraceContextTextMapPropagator().extract(carrier, Context())).get_span_context()
    ours = span_context(text)
    if text != text.strip(" \t"):  # of a header, whose white space isn't part of it
        return
    if ours is None:
        assert not theirs.is_valid
    else:
        assert (ours.trace_id, ours.span_id, ours.trace_flags.sampled) == (
            theirs.trace_id,
            theirs.span_id,
            theirs.trace_flags.sampled,
        )
