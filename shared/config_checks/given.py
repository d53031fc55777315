"""The settings as they are given, and as far as they can be read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.config import Settings
from shared.config_catalogue import by_name, read_all
from shared.errors import ConfigurationError

HOST_JSON = Path(__file__).parents[2] / "host.json"

# Without these the rest can't be read.
_STAND_INS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "ServiceBusConnection": "Endpoint=sb://missing.invalid",
    "SLUICE_ENTRA_TENANT_ID": "missing",
    "SLUICE_ENTRA_AUDIENCE": "missing",
    "SLUICE_WEBHOOK_SECRET": 32 * "x",
}
_MOST_PROBLEMS = 1_000
_TIME_SPAN = re.compile(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d{1,7})?)?")


@dataclass(frozen=True)
class Given:
    """What the rules look at.

    Attributes:
        env: names and values that aren't empty, without white space around the values.
        settings: read with defaults in place of what is wrong or missing; None where that isn't possible.
        readable: what they were read from.
        problems: what was wrong or missing.
        host: host.json, as the settings override it.
    """

    env: Mapping[str, str]
    settings: Settings | None
    readable: Mapping[str, str]
    problems: tuple[ConfigurationError, ...]
    host: Mapping[str, Any]

    @classmethod
    def read(cls, env: Mapping[str, str], host_json: Path = HOST_JSON) -> "Given":
        """Read as much as can be read."""
        values = {name: value.strip() for name, value in env.items() if value.strip()}
        left, problems = dict(values), list[ConfigurationError]()
        while len(problems) < _MOST_PROBLEMS:
            try:
                read_all(left)
                break
            except ConfigurationError as error:
                problems.append(error)
                name = error.field or ""
                if name in left:
                    del left[name]
                elif name in _STAND_INS:
                    left[name] = _STAND_INS[name]
                else:
                    break
        return cls(values, _settings(left), left, tuple(problems), _host(host_json, values))

    def value(self, name: str) -> str | None:
        """Of the setting with this name, by whichever name it is given."""
        setting = by_name()[name]
        return next((self.env[each] for each in (setting.name, *setting.aliases) if each in self.env), None)

    def name_of(self, name: str) -> str:
        """The name by which a setting is given; its own where it isn't."""
        setting = by_name()[name]
        return next((each for each in (setting.name, *setting.aliases) if each in self.env), name)

    def host_s(self, *path: str) -> float | None:
        """A duration in host.json, in seconds; None where there is none that can be read."""
        value: Any = self.host
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return seconds_of(value) if isinstance(value, str) else None


def seconds_of(text: str) -> float | None:
    """A .NET time span, such as "00:30:00" or "1.00:00:00", in seconds."""
    match = _TIME_SPAN.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def _settings(values: Mapping[str, str]) -> Settings | None:
    try:
        return Settings.from_env(values)
    except ConfigurationError:
        return None


def _host(path: Path, env: Mapping[str, str]) -> Mapping[str, Any]:
    """host.json under the settings AzureFunctionsJobHost__a__b."""
    try:
        host = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        host = {}
    found: dict[str, Any] = host if isinstance(host, dict) else {}
    for name, value in env.items():
        prefix, *parts = name.split("__")
        if prefix == "AzureFunctionsJobHost" and parts:
            _put(found, parts, value)
    return found


def _put(section: dict[str, Any], parts: list[str], value: str) -> None:
    *folders, last = parts
    for part in folders:
        inner = section.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        section = inner
    section[last] = value
