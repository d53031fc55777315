"""Traces: spans of the work that is done.

What records them is plugged in by shared/telemetry/pipeline.py. Until then, and where telemetry is off, a span costs
next to nothing and hands on the context that it was given, so that a trace goes through an app that records none.

Tags are ids, numbers and codes. Nothing of a job's contents is one, nor the text of an error: spans leave the system.
"""

import functools
import inspect
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext, TracerProvider

type TagValue = str | int | float | bool | Sequence[str]
type Tags = Mapping[str, TagValue | None]

Kind = otel.SpanKind
ERROR_TYPE = "error.type"


class Parent(Enum):
    """What a span may belong to, besides a context that is given as text.

    CURRENT: the span that runs here, if there is one.
    NONE: nothing: it begins a trace.
    """

    CURRENT = 0
    NONE = 1


# W3C Trace Context, "traceparent Header Field Values": version 00, or a later one that may say more at the end. Read
# here and not by OpenTelemetry's propagator, which takes four times as long for a header that has no other beside it.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_EMPTY = otel_context.Context()
_provider: "TracerProvider | None" = None
chosen_span_id: ContextVar[int] = ContextVar("chosen_span_id", default=0)
"""The id of the next span, where somebody has told of it before it was recorded; read by the generator of ids."""


def use_tracer_provider(provider: "TracerProvider | None") -> None:
    """Say what records spans from now on; None for nothing.

    Not OpenTelemetry's global one: with that, the Azure SDKs would add spans of their own for every row and blob.
    """
    global _provider
    _provider = provider


class Span:
    """A piece of work, and what records it. Where nothing does, it hands on the traceparent that it was given."""

    __slots__ = ("_given", "_span")

    def __init__(self, span: "otel.Span | None", given: str | None = None) -> None:
        self._span = span
        self._given = given

    @property
    def traceparent(self) -> str | None:
        """The context to hand on (W3C Trace Context); None where there is none."""
        return self._given if self._span is None else _traceparent(self._span.get_span_context())

    def set_tag(self, name: str, value: TagValue | None) -> None:
        """Say something of it; None says nothing."""
        if self._span is not None and value is not None:
            self._span.set_attribute(name, value)

    def set_tags(self, tags: Tags) -> None:
        """Several at once."""
        for name, value in tags.items():
            self.set_tag(name, value)

    def fail(self, code: str) -> None:
        """It went wrong, for the reason that this code names."""
        if self._span is not None:
            self._span.set_attribute(ERROR_TYPE, code)
            self._span.set_status(otel.StatusCode.ERROR)


class Tracer:
    """Begins spans. Get one from `get_tracer`.

    Args:
        name: of the part of the program whose spans these are.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._made: tuple[TracerProvider, otel.Tracer] | None = None

    def start_span(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        parent: str | Parent = Parent.CURRENT,
        links: Iterable[str | None] = (),
        tags: Tags | None = None,
        start_s: float | None = None,
    ) -> "SpanScope":
        """A span for a `with` block. An error that leaves the block marks it with the error's code.

        Args:
            parent: a traceparent, or what Parent says.
            links: traceparents of spans that have to do with it.
            start_s: when it began, in seconds since 1970, where that is past.
        """
        return SpanScope(self._tracer(), name, kind, parent, links, tags, start_s)

    def record(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        parent: str | Parent = Parent.CURRENT,
        links: Iterable[str | None] = (),
        tags: Tags | None = None,
        start_s: float,
        end_s: float | None = None,
        span_id: int = 0,
        error: str | None = None,
    ) -> None:
        """Record a span of what is over.

        Args:
            end_s: in seconds since 1970; None for now.
            span_id: where others were told of it before.
            error: code of what it ended with.
        """
        tracer = self._tracer()
        if tracer is None:
            return
        token = chosen_span_id.set(span_id)
        try:
            scope = SpanScope(tracer, name, kind, parent, links, tags, start_s)
            span = scope.start()
        finally:
            chosen_span_id.reset(token)
        if error is not None:
            span.fail(error)
        scope.end(max(start_s, time.time() if end_s is None else end_s))

    def _tracer(self) -> otel.Tracer | None:
        provider = _provider
        if provider is None:
            return None
        if self._made is None or self._made[0] is not provider:
            self._made = provider, provider.get_tracer(self._name)
        return self._made[1]


class SpanScope:
    """See Tracer.start_span."""

    __slots__ = ("_arguments", "_parent", "_span", "_token", "_tracer")

    def __init__(self, tracer: otel.Tracer | None, *arguments: Any) -> None:
        self._tracer = tracer
        self._arguments = arguments
        self._span: otel.Span | None = None
        self._token: Token[Context] | None = None

    def start(self) -> Span:
        """Begin it without making it the current one."""
        name, kind, parent, links, tags, start_s = self._arguments
        if self._tracer is None:
            return Span(None, parent if isinstance(parent, str) else None)
        self._span = self._tracer.start_span(
            name,
            _context(parent),
            kind,
            {key: value for key, value in (tags or {}).items() if value is not None},
            [otel.Link(found) for link in links if (found := span_context(link)) is not None],
            None if start_s is None else int(start_s * 1e9),
            record_exception=False,  # its text and stack may quote what they shouldn't
            set_status_on_exception=False,
        )
        return Span(self._span)

    def end(self, end_s: float | None = None) -> None:
        """End what `start` began."""
        if self._span is not None:
            self._span.end(None if end_s is None else int(end_s * 1e9))

    def __enter__(self) -> Span:
        span = self.start()
        if self._span is not None:
            self._token = otel_context.attach(otel.set_span_in_context(self._span))
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            otel_context.detach(self._token)
        if error is not None:
            Span(self._span).fail(error_code(error))
        self.end()


def get_tracer(name: str) -> Tracer:
    """A tracer for a part of the program: `get_tracer(__name__)`."""
    return Tracer(name)


def trace[**P, R](name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make every call of a function, asynchronous or not, a span of this name."""
    tracer = get_tracer(__name__)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def traced(*args: P.args, **kwargs: P.kwargs) -> Any:
                with tracer.start_span(name):
                    return await function(*args, **kwargs)

            return traced  # type: ignore[return-value]  # R is what the coroutine function returns: an awaitable

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with tracer.start_span(name):
                return function(*args, **kwargs)

        return called

    return decorate


def current_traceparent() -> str | None:
    """The context of the span that runs here; None where none does."""
    return _traceparent(otel.get_current_span().get_span_context())


def current_span() -> Span:
    """The span that runs here."""
    return Span(otel.get_current_span())


@functools.lru_cache(256)  # a job's traceparent is read again for each of its spans
def span_context(traceparent: str | None) -> "SpanContext | None":
    """What a traceparent says; None where it says nothing."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None or (match[1] == "00" and match[5]):
        return None
    return otel.SpanContext(int(match[2], 16), int(match[3], 16), True, otel.TraceFlags(int(match[4], 16) & 1))


def entry(traceparent: str | None) -> tuple[bool, str | Parent, tuple[str, ...]]:
    """Where the span of a function begins that was called from outside the app.

    In Azure the host has a span of its own for the call, which the worker makes the current one: where that is of the
    caller's trace, ours is a part of it. Else ours is the first of the app, and has a link to the host's.

    Args:
        traceparent: that the message or request carries.

    Returns:
        Whether it is a part of the host's; its parent; its links.
    """
    here = current_traceparent()
    host, sent = span_context(here), span_context(traceparent)
    if host is not None and (sent is None or (host.trace_id == sent.trace_id and host.span_id != sent.span_id)):
        return True, Parent.CURRENT, ()
    parent = Parent.NONE if sent is None or traceparent is None else traceparent
    return False, parent, () if here is None else (here,)


def error_code(error: BaseException) -> str:
    """What names an error for programs: the code of ours, else its class. Low in number, and no text."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and code.isidentifier() else type(error).__name__


def _context(parent: str | Parent) -> "Context | None":
    if parent is Parent.CURRENT:
        return None
    found = span_context(parent) if isinstance(parent, str) else None
    return _EMPTY if found is None else otel.set_span_in_context(otel.NonRecordingSpan(found), _EMPTY)


def _traceparent(context: "SpanContext") -> str | None:
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"
