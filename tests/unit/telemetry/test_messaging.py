"""Spans of messages: whose they are on either side, and what the message carries."""

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace as otel

from shared.errors import MessagingError
from shared.telemetry.http import answered, answering
from shared.telemetry.messaging import processing, sending
from shared.telemetry.tracing import Kind, get_tracer, span_context
from tests.support.recording import Recorded, traceparent_of

SENT = f"00-{'a' * 32}-{'b' * 16}-01"
tracer = get_tracer(__name__)


class Host:
    """The context that the worker attaches for a call, as the real host gives it."""

    def __init__(self, traceparent: str) -> None:
        found = span_context(traceparent)
        assert found is not None
        self._context = otel.set_span_in_context(otel.NonRecordingSpan(found))

    def __enter__(self) -> None:
        self._token = otel_context.attach(self._context)

    def __exit__(self, *_: object) -> None:
        otel_context.detach(self._token)


def test_each_message_has_a_span_in_the_trace_of_its_job(recorded: Recorded) -> None:
    with (
        tracer.start_span("cycle") as cycle,
        sending("run", [("m1", SENT), ("m2", None), ("m3", cycle.traceparent)]) as carried,
    ):
        pass
    first, second, third, _ = recorded.spans
    assert carried == [traceparent_of(span) for span in (first, second, third)]
    assert [f"{span.context.trace_id:032x}" for span in (first, second)] == ["a" * 32, (cycle.traceparent or "")[3:35]]
    assert first.parent is not None
    assert first.parent.span_id == int("b" * 16, 16)
    assert first.name == "send run"
    assert first.kind is Kind.PRODUCER
    assert dict(first.attributes or {}) == {
        "messaging.system": "servicebus",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "run",
        "messaging.message.id": "m1",
    }
    ((tags, count),) = recorded.metric("messaging.client.sent.messages")
    assert (tags["messaging.destination.name"], count) == ("run", 3)


def test_within_the_jobs_own_trace_the_span_that_sends_is_the_parent(recorded: Recorded) -> None:
    with tracer.start_span("process", parent=SENT) as around, sending("out", [("m", SENT)]):
        pass
    sent = recorded.span("send out").parent
    assert sent is not None
    assert f"{sent.span_id:016x}" == (around.traceparent or "")[36:52]


def test_jobs_that_are_sent_without_a_span_begin_a_trace_each(recorded: Recorded) -> None:
    with sending("in", [("a", None), ("b", None)]):
        pass
    assert len({span.context.trace_id for span in recorded.spans}) == 2


def test_a_failed_send_is_marked(recorded: Recorded) -> None:
    with pytest.raises(MessagingError), sending("in", [("a", None)]):
        raise MessagingError("x")
    assert dict(recorded.span("send in").attributes or {})["error.type"] == "messaging"
    assert recorded.metric("messaging.client.sent.messages")[0][0]["error.type"] == "messaging"


def test_without_telemetry_a_message_carries_what_it_was_given() -> None:
    with sending("in", [("a", SENT), ("b", None)]) as carried:
        assert carried == [SENT, None]
    with processing("in", "a", SENT) as span:
        assert span.traceparent == SENT


def test_processing_goes_on_in_the_messages_trace(recorded: Recorded) -> None:
    with processing("in", "m", SENT, delivery_count=3, correlation_id="c"):
        pass
    (span,) = recorded.spans
    assert (span.name, span.kind) == ("process in", Kind.CONSUMER)
    assert span.parent is not None
    assert traceparent_of(span)[:36] == SENT[:36]
    tags = dict(span.attributes or {})
    assert (tags["messaging.servicebus.message.delivery_count"], tags["messaging.message.conversation_id"]) == (3, "c")
    assert len(recorded.metric("messaging.process.duration")) == 1


def test_the_hosts_span_for_the_call_is_the_parent_where_it_is_of_the_same_trace(recorded: Recorded) -> None:
    with Host(f"00-{'a' * 32}-{'c' * 16}-01"), processing("in", "m", SENT):
        pass
    (span,) = recorded.spans
    assert span.parent is not None
    assert (span.parent.span_id, span.kind, span.links) == (int("c" * 16, 16), Kind.INTERNAL, ())


def test_a_host_that_only_passes_the_messages_context_on_has_no_span(recorded: Recorded) -> None:
    with Host(SENT), processing("in", "m", SENT):
        pass
    assert recorded.spans[0].kind is Kind.CONSUMER


def test_a_message_without_a_trace_is_part_of_the_hosts(recorded: Recorded) -> None:
    with Host(f"00-{'d' * 32}-{'c' * 16}-01"), processing("in", "m", None):
        pass
    (span,) = recorded.spans
    assert (span.kind, span.context.trace_id) == (Kind.INTERNAL, int("d" * 32, 16))


def test_a_host_in_another_trace_is_linked(recorded: Recorded) -> None:
    with Host(f"00-{'d' * 32}-{'c' * 16}-01"), processing("in", "m", SENT):
        pass
    (span,) = recorded.spans
    assert (span.kind, span.context.trace_id) == (Kind.CONSUMER, int("a" * 32, 16))
    assert [link.context.trace_id for link in span.links] == [int("d" * 32, 16)]


def test_requests_are_spans_too(recorded: Recorded) -> None:
    for status in (404, 503):
        with answering("GET", "/api/jobs/{id}", SENT) as span:
            answered(span, status)
    refused, failed = recorded.spans
    assert (refused.name, refused.kind) == ("GET /api/jobs/{id}", Kind.SERVER)
    assert refused.status.is_ok
    assert dict(refused.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/api/jobs/{id}",
        "http.response.status_code": 404,
    }
    assert dict(failed.attributes or {})["error.type"] == "503"
