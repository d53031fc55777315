"""host.json with its overrides: the settings of the host itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.host.app_settings import read_json_object
from local.host.config_section import Section, items_of
from local.host.errors import HostError
from local.host.log_levels import LEVELS
from local.host.timespan import parse_timespan

FILE_NAME = "host.json"
OVERRIDE_PREFIX = "AzureFunctionsJobHost__"
# ScriptJobHostOptionsSetup.cs of azure-functions-host; 30 minutes on every plan but Consumption.
DEFAULT_FUNCTION_TIMEOUT_S = 30 * 60.0
_MIN_FUNCTION_TIMEOUT_S = 1.0
_UNLIMITED_S = parse_timespan("-1")
_YEAR_S = 366 * 86400.0

_COUNT, _COUNT_OR_ZERO = (1, 2**31 - 1), (0, 2**31 - 1)
_SERVICE_BUS_NUMBERS = {
    "prefetchCount": _COUNT_OR_ZERO,
    "maxConcurrentCalls": _COUNT,
    "maxConcurrentSessions": _COUNT,
    "maxMessageBatchSize": _COUNT,
    "minMessageBatchSize": _COUNT,
}
_SERVICE_BUS_FLAGS = ("autoCompleteMessages", "enableCrossEntityTransactions")
_SERVICE_BUS_DURATIONS = ("maxAutoLockRenewalDuration", "maxBatchWaitTime", "sessionIdleTimeout")


@dataclass(frozen=True, slots=True)
class HostJson:
    """The host's configuration, checked.

    Attributes:
        config: everything, for extensions that read their own part: numbers and flags under
            extensions.serviceBus have their types, also where a variable overrides them.
        route_prefix: before every function's route, without slashes at its ends; may be empty.
        function_timeout_s: None means unlimited.
        log_levels: lowest level shown by log category.
        functions: the only functions to run; None means all.
        listener_lock_s: length of the lease that makes a timer run on one host only; 15 to 60.
        listener_lock_poll_s: how often a host that didn't get the lease asks again; at least 15.
    """

    config: Section
    route_prefix: str
    function_timeout_s: float | None
    log_levels: Mapping[str, int]
    functions: tuple[str, ...] | None
    listener_lock_s: float
    listener_lock_poll_s: float


def load_host_json(app_dir: Path, environ: Mapping[str, str]) -> HostJson:
    """Read host.json and the `AzureFunctionsJobHost__a__b` variables that override it.

    A missing file counts as `{"version": "2.0"}`.

    Raises:
        HostError: a value isn't what its path needs; the text names file or variable, path and value.
    """
    path = app_dir / FILE_NAME
    content = read_json_object(path) if path.exists() else {"version": "2.0"}
    reader = _Reader(Section(content), str(path))
    for name, value in environ.items():
        if name.lower().startswith(OVERRIDE_PREFIX.lower()) and (keys := name[len(OVERRIDE_PREFIX) :].split("__")) != [
            ""
        ]:
            reader.override(keys, value, name)
    if (version := reader.config.find("version")) != "2.0":
        raise reader.error("version", '"2.0"', version)
    _check_service_bus(reader)
    functions = reader.config.find("functions")
    return HostJson(
        config=reader.config,
        route_prefix=_route_prefix(reader),
        function_timeout_s=_function_timeout(reader),
        log_levels=_log_levels(reader),
        functions=None if functions is None else tuple(str(name) for name in items_of(functions)),
        listener_lock_s=reader.duration("singleton.listenerLockPeriod", 60.0, 15.0, 60.0),
        listener_lock_poll_s=reader.duration("singleton.listenerLockRecoveryPollingInterval", 60.0, 15.0, _YEAR_S),
    )


class _Reader:
    """Reads values by path, and says where a wrong one comes from."""

    def __init__(self, config: Section, file: str) -> None:
        self.config = config
        self._file = file
        self._overrides: dict[str, str] = {}

    def override(self, keys: list[str], value: str, variable: str) -> None:
        self.config = self.config.with_value(keys, value)
        self._overrides[".".join(keys).lower()] = variable

    def error(self, path: str, expected: str, value: Any) -> HostError:
        variable = self._overrides.get(path.lower())
        source = f"{self._file}: {path}" if variable is None else f"{variable} (for {path} of host.json)"
        return HostError(f"{source} must be {expected}, not {'missing' if value is None else repr(value)}.")

    def read[T](self, path: str, default: T, parse: Callable[[Any], T], expected: str) -> T:
        value = self.config.find(path)
        if value is None:
            return default
        try:
            return parse(value)
        except (TypeError, ValueError) as error:
            raise self.error(path, expected, value) from error

    def replace(self, path: str, value: Any) -> None:
        self.config = self.config.with_value(path.split("."), value)

    def duration(self, path: str, default: float, minimum: float, maximum: float) -> float:
        def parse(value: Any) -> float:
            seconds = _seconds(value)
            if not minimum <= seconds <= maximum:
                raise ValueError
            return seconds

        limits = f"at least {minimum:g} s" if maximum == _YEAR_S else f"of {minimum:g} to {maximum:g} s"
        return self.read(path, default, parse, f"a duration hh:mm:ss {limits}")


def _check_service_bus(reader: _Reader) -> None:
    section = "extensions.serviceBus"
    for name, (low, high) in _SERVICE_BUS_NUMBERS.items():

        def number(value: Any, low: int = low, high: int = high) -> int:
            if isinstance(value, bool | float) or not low <= (parsed := int(value)) <= high:
                raise ValueError
            return parsed

        path = f"{section}.{name}"
        if (count := reader.read(path, None, number, f"a whole number of at least {low}")) is not None:
            reader.replace(path, count)
    for name in _SERVICE_BUS_FLAGS:
        path = f"{section}.{name}"
        if (flag := reader.read(path, None, _flag, "true or false")) is not None:
            reader.replace(path, flag)
    for name in _SERVICE_BUS_DURATIONS:
        reader.duration(f"{section}.{name}", 0.0, 0.0, _YEAR_S)


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    return parse_timespan(str(value))


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _route_prefix(reader: _Reader) -> str:
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        return value.strip("/")

    return reader.read("extensions.http.routePrefix", "api", parse, "a string")


def _function_timeout(reader: _Reader) -> float | None:
    def parse(value: Any) -> float | None:
        seconds = _seconds(value)
        if seconds == _UNLIMITED_S:
            return None
        if seconds < _MIN_FUNCTION_TIMEOUT_S:
            raise ValueError
        return seconds

    default: float | None = DEFAULT_FUNCTION_TIMEOUT_S
    return reader.read("functionTimeout", default, parse, 'a duration hh:mm:ss of at least 1 s, or "-1" for none')


def _log_levels(reader: _Reader) -> dict[str, int]:
    levels = reader.config.find("logging.logLevel")
    if levels is None:
        return {}
    if not isinstance(levels, Section):
        raise reader.error("logging.logLevel", "an object of log levels by category", levels)
    found = {}
    for category, level in levels.items():
        if not isinstance(level, str) or level.lower() not in LEVELS:
            names = ", ".join(name.title() for name in LEVELS)
            raise reader.error(f"logging.logLevel.{category}", f"one of {names}", level)
        found[category] = LEVELS[level.lower()]
    return found
