"""Spans of requests to the app, by OpenTelemetry's conventions for HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.telemetry.tracing import Kind, Span, entry, get_tracer

_tracer = get_tracer(__name__)


@contextmanager
def answering(method: str, route: str, traceparent: str | None) -> Iterator[Span]:
    """A span for the work that a request brings about.

    Args:
        route: with the names of its parameters, not their values.
        traceparent: header of the request.
    """
    nested, parent, links = entry(traceparent)
    with _tracer.start_span(
        f"{method} {route}",
        kind=Kind.INTERNAL if nested else Kind.SERVER,
        parent=parent,
        links=links,
        tags={"http.request.method": method, "http.route": route},
    ) as span:
        yield span


def answered(span: Span, status: int) -> None:
    """What was answered. A refusal is the caller's fault, not an error of ours."""
    span.set_tag("http.response.status_code", status)
    if status >= 500:
        span.fail(str(status))
