"""Spans and metrics of messages, by OpenTelemetry's conventions for messaging.

A message carries the context of the span that sent it, so that its trace goes on with whoever receives it.
"""

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType

from shared.telemetry.metrics import increment_counter, observe
from shared.telemetry.tracing import (
    ERROR_TYPE,
    Kind,
    Parent,
    Span,
    SpanScope,
    TagValue,
    current_traceparent,
    entry,
    error_code,
    get_tracer,
)

SYSTEM = "servicebus"

_tracer = get_tracer(__name__)


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
            increment_counter("messaging.client.sent.messages", len(messages), _metric_tags("send", queue, failed))


def processing(
    queue: str, message_id: str, traceparent: str | None, *, delivery_count: int = 1, correlation_id: str | None = None
) -> "Processing":
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
    return Processing(queue, scope)


class Processing:
    """See `processing`."""

    __slots__ = ("_began_s", "_queue", "_scope")

    def __init__(self, queue: str, scope: SpanScope) -> None:
        self._queue = queue
        self._scope = scope

    def __enter__(self) -> Span:
        self._began_s = time.perf_counter()
        return self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scope.__exit__(kind, error, trace)
        failed = None if error is None else error_code(error)
        tags = _metric_tags("process", self._queue, failed)
        observe("messaging.process.duration", time.perf_counter() - self._began_s, tags)


@functools.cache
def _tags(operation: str, queue: str) -> Mapping[str, TagValue]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": queue,
    }


def _metric_tags(operation: str, queue: str, failed: str | None) -> dict[str, str | None]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.destination.name": queue,
        ERROR_TYPE: failed,
    }


def _nearest(here: str | None, given: str | None) -> str | None:
    """The context to go on from: the span that runs here, unless it is of another trace than the job."""
    if here is None or given is None:
        return given or here
    return here if here[3:35] == given[3:35] else given
