"""Metrics: counters, gauges and durations of this process.

What keeps them is plugged in by shared/telemetry/pipeline.py; until then, and where telemetry is off, nothing is kept.
Tags have few values each: kinds of jobs, deployments, codes. Never ids.
"""

import functools
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from shared.telemetry.instruments import INSTRUMENTS, Instrument
from shared.telemetry.tracing import ERROR_TYPE, error_code

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

type MetricTags = Mapping[str, str | int | bool | None]

_METER = "sluice"
type _Kind = Literal["counter", "gauge", "histogram"]
_UNKNOWN: dict[str, Instrument] = {
    "counter": Instrument("counter", "1", ""),
    "gauge": Instrument("gauge", "1", ""),
    "histogram": Instrument("histogram", "s", ""),
}


class _Meter:
    """The instruments of one provider, made when they are first used."""

    def __init__(self, provider: "MeterProvider") -> None:
        self._meter = provider.get_meter(_METER)
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()

    def get(self, name: str, kind: _Kind) -> Any:
        return self._made.get(name) or self._make(name, kind)

    def _make(self, name: str, kind: _Kind) -> Any:
        what = INSTRUMENTS.get(name, _UNKNOWN[kind])
        if what.kind != kind:
            raise ValueError(f"the metric {name} is a {what.kind}, not a {kind}")
        with self._making:
            if name not in self._made:
                if kind == "counter":
                    made: Any = self._meter.create_counter(name, what.unit, what.description)
                elif kind == "gauge":
                    made = self._meter.create_gauge(name, what.unit, what.description)
                else:
                    made = self._meter.create_histogram(
                        name, what.unit, what.description, explicit_bucket_boundaries_advisory=what.buckets or None
                    )
                self._made[name] = made
            return self._made[name]


_meter: _Meter | None = None


def use_meter_provider(provider: "MeterProvider | None") -> None:
    """Say what keeps metrics from now on; None for nothing."""
    global _meter
    _meter = None if provider is None else _Meter(provider)


def increment_counter(name: str, value: float = 1, tags: MetricTags | None = None) -> None:
    """Count something.

    Args:
        name: of a counter, such as one of INSTRUMENTS.
        tags: those that are None are left out.
    """
    if _meter is not None:
        _meter.get(name, "counter").add(value, _given(tags))


def set_gauge(name: str, value: float, tags: MetricTags | None = None) -> None:
    """Say how much of something there is now."""
    if _meter is not None:
        _meter.get(name, "gauge").set(value, _given(tags))


def observe(name: str, value: float, tags: MetricTags | None = None) -> None:
    """Add one value to a histogram."""
    if _meter is not None:
        _meter.get(name, "histogram").record(value, _given(tags))


def time_it[**P, R](name: str, tags: MetricTags | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add the duration of every call of a function, asynchronous or not, to a histogram, in seconds.

    A call that raises has the error's code as the tag `error.type`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                with _Timing(name, tags):
                    return await function(*args, **kwargs)

            return awaited  # type: ignore[return-value]  # R is what the coroutine function returns: an awaitable

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with _Timing(name, tags):
                return function(*args, **kwargs)

        return called

    return decorate


class _Timing:
    def __init__(self, name: str, tags: MetricTags | None) -> None:
        self._name, self._tags = name, tags

    def __enter__(self) -> None:
        self._began_s = time.perf_counter()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        code = None if error is None else error_code(error)
        observe(self._name, time.perf_counter() - self._began_s, {**(self._tags or {}), ERROR_TYPE: code})


def _given(tags: MetricTags | None) -> dict[str, Any]:
    return {name: value for name, value in tags.items() if value is not None} if tags else {}
