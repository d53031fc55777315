"""Reading a JSON object key by key, so that an error names the path of what is wrong."""

import re
from typing import Any

from shared.errors import ConfigurationError

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def parse_duration_ms(text: str) -> int:
    """Milliseconds of an ISO 8601 duration in days, hours, minutes and seconds, such as "PT1M" or "P14D".

    Raises:
        ValueError: it is none. Years and months have no fixed length and are refused.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise ValueError(f'"{text}" is no ISO 8601 duration in days, hours, minutes and seconds, such as PT1M or P14D')
    days, hours, minutes, seconds = match.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)


class Section:
    """One JSON object of the configuration. finish() refuses the keys that nobody read."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise ConfigurationError(f"{path}: an object is expected", field=path)
        self.path = path
        self._values: dict[str, Any] = value
        self._known: set[str] = set()

    def where(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def fail(self, key: str, problem: str) -> ConfigurationError:
        return ConfigurationError(f"{self.where(key)}: {problem}", field=self.where(key))

    def _get(self, key: str, kind: type, what: str, default: Any) -> Any:
        self._known.add(key)
        if key not in self._values:
            if default is None:
                raise self.fail(key, f"{what} is missing")
            return default
        value = self._values[key]
        if type(value) is not kind:
            raise self.fail(key, f"{what} is expected")
        return value

    def has(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._get(key, str, "a string", default))

    def flag(self, key: str, default: bool = False) -> bool:
        return bool(self._get(key, bool, "true or false", default))

    def integer(self, key: str, low: int, high: int, default: int) -> int:
        value = int(self._get(key, int, "a whole number", default))
        if not low <= value <= high:
            raise self.fail(key, f"{value} is not between {low} and {high}")
        return value

    def duration_ms(self, key: str, low: str, high: str, default_ms: int) -> int:
        """An ISO 8601 duration within two others. An empty `high` sets no upper limit."""
        if not self.has(key):
            self._known.add(key)
            return default_ms
        text = self.text(key)
        try:
            value = parse_duration_ms(text)
        except ValueError as error:
            raise self.fail(key, str(error)) from error
        if value < parse_duration_ms(low) or (high and value > parse_duration_ms(high)):
            raise self.fail(key, f"{text} is not between {low} and {high}" if high else f"{text} is less than {low}")
        return value

    def section(self, key: str, default: dict[str, Any] | None = None) -> "Section":
        return Section(self._get(key, dict, "an object", default), self.where(key))

    def sections(self, key: str, default: list[Any] | None = None) -> list["Section"]:
        items = self._get(key, list, "a list", default)
        return [Section(item, f"{self.where(key)}[{index}]") for index, item in enumerate(items)]

    def items(self) -> dict[str, Any]:
        """All keys and values, for an object whose keys are free."""
        self._known.update(self._values)
        return dict(self._values)

    def finish(self) -> None:
        """Refuse keys that have no meaning here: a misspelt property must not be ignored."""
        unknown = sorted(set(self._values) - self._known)
        if unknown:
            raise self.fail(unknown[0], f"unknown; the names known here are {', '.join(sorted(self._known))}")
