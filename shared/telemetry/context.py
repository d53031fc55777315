"""What belongs to every line that is logged within a piece of work: ids of the job, the request, the invocation."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

RESERVED = frozenset(
    {"time", "level", "logger", "message", "event", "fields", "exception", "app", "instance", "invocation_id"}
)
"""Keys of a line that a context can't set."""


_NONE: Mapping[str, str] = {}
_current: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=_NONE)
_shipped: ContextVar[bool] = ContextVar("log_shipped", default=True)
_invocation_id: Callable[[], str | None] = lambda: None  # noqa: E731 - a default that set_invocation_source replaces


class LoggingContext:
    """Adds ids to every line logged within it, in this task and in those it starts. May be nested.

    Args:
        ids: such as correlation_id, job_id, trace_id; those that are None are left as they are.

    Raises:
        ValueError: a name is one of the line's own.
    """

    def __init__(self, **ids: str | None) -> None:
        if taken := RESERVED & ids.keys():
            raise ValueError(f"lines have a field of their own called {', '.join(sorted(taken))}")
        self._ids = {name: value for name, value in ids.items() if value is not None}
        self._token: Token[Mapping[str, str]] | None = None

    def __enter__(self) -> Self:
        self._token = _set(self._ids)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)


def set_correlation_id(correlation_id: str) -> None:
    """Give this id to every further line of this task, and of those it starts from now on."""
    _set({"correlation_id": correlation_id})


def current_ids() -> Mapping[str, str]:
    """The ids that a line gets here: the same object until they change."""
    return _current.get()


def invocation_id() -> str | None:
    """Of the function call that this code is a part of, if it is part of one."""
    return _invocation_id()


def set_invocation_source(source: Callable[[], str | None]) -> None:
    """Say who knows the invocation."""
    global _invocation_id
    _invocation_id = source


@contextmanager
def not_shipped() -> Iterator[None]:
    """What is logged in here goes to the terminal or the host, but into no file that is shipped.

    Whoever works on shipped logs runs in here: its own lines would make the next log to work on, for ever.
    """
    token = _shipped.set(False)
    try:
        yield
    finally:
        _shipped.reset(token)


def is_shipped() -> bool:
    """Whether a line logged here belongs into a file that is shipped."""
    return _shipped.get()


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id within a `traceparent` (W3C Trace Context); None where there is none."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None


def _set(ids: Mapping[str, str]) -> Token[Mapping[str, str]]:
    return _current.set({**_current.get(), **ids})
