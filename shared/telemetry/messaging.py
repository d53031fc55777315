"""Spans and metrics of messages, by OpenTelemetry's conventions for messaging.

A message carries the context of the span that sent it, so that its trace goes on with whoever receives it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shared.telemetry.metrics import increment_counter, observe
from shared.telemetry.tracing import (
    ERROR_TYPE,
    Kind,
    Parent,
    Span,
    TagValue,
    current_traceparent,
    entry,
    error_code,
    get_tracer,
)

SYSTEM = "servicebus"

_tracer = get_tracer(__name__)


def _tags(operation: str, queue: str) -> dict[str, TagValue]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": queue,
    }


@contextmanager
def sending(queue: str, messages: Sequence[tuple[str, str | None]]) -> Iterator[list[str | None]]:
    """One span for each message that is sent within.

    Args:
        messages: id of each, and the traceparent of the job that it belongs to. The span that runs here is its parent
            where it is of the same trace, or where the job has none yet.

    Yields:
        The traceparents that the messages are to carry.
    """
    here = current_traceparent()
    scopes = [
        _tracer.start_span(
            f"send {queue}",
            kind=Kind.PRODUCER,
            parent=_nearest(here, traceparent) or Parent.NONE,
            tags={**_tags("send", queue), "messaging.message.id": message_id},
        )
        for message_id, traceparent in messages
    ]
    spans = [scope.start() for scope in scopes]
    failed: str | None = None
    try:
        yield [span.traceparent for span in spans]
    except BaseException as error:
        failed = error_code(error)
        for span in spans:
            span.fail(failed)
        raise
    finally:
        for scope in scopes:
            scope.end()
        if messages:
            tags = {**_metric_tags("send", queue), ERROR_TYPE: failed}
            increment_counter("messaging.client.sent.messages", len(messages), tags)


@contextmanager
def processing(
    queue: str, message_id: str, traceparent: str | None, *, delivery_count: int = 1, correlation_id: str | None = None
) -> Iterator[Span]:
    """A span for the work that a message brings about: what consumes it, unless the host has a span for that.

    Args:
        traceparent: that the message carries.
    """
    nested, parent, links = entry(traceparent)
    scope = _tracer.start_span(
        f"process {queue}",
        kind=Kind.INTERNAL if nested else Kind.CONSUMER,
        parent=parent,
        links=links,
        tags={
            **_tags("process", queue),
            "messaging.message.id": message_id,
            "messaging.message.conversation_id": correlation_id,
            "messaging.servicebus.message.delivery_count": delivery_count,
        },
    )
    began_s = time.perf_counter()
    failed: str | None = None
    try:
        with scope as span:
            yield span
    except BaseException as error:
        failed = error_code(error)
        raise
    finally:
        tags = {**_metric_tags("process", queue), ERROR_TYPE: failed}
        observe("messaging.process.duration", time.perf_counter() - began_s, tags)


def _metric_tags(operation: str, queue: str) -> dict[str, str]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.destination.name": queue,
    }


def _nearest(here: str | None, given: str | None) -> str | None:
    """The context to go on from: the span that runs here, unless it is of another trace than the job."""
    if here is None or given is None:
        return given or here
    return here if here[3:35] == given[3:35] else given
