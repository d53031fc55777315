"""Patterns with `{placeholders}` in bindings: matched against a blob's path, or filled in from an event's metadata.

The grammar is that of BindingTemplateParser.cs and BindingTemplateToken.cs of azure-webjobs-sdk: `{name}`,
`{name:format}`, `{a.b}` for a property of an object, `{{` and `}}` for braces. Built in are `{rand-guid}`,
`{datetime}`, `{sys.randguid}`, `{sys.utcnow}` and `{sys.methodname}`.

Limits: of the format strings of .NET, dates know y M d H h m s f t and K, GUIDs N D B P. A value that can't be part of
a path (an object, true or false) is an error here; the real host leaves its place empty.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from local.host.contracts import Datum

_TOKEN = re.compile(r"(\{\{|\}\})|\{([^{}]*)\}|([^{}]+)|([{}])")
_IDENTIFIER = re.compile(r"[^\W\d][\w.\-]*")
_DATE_PART = re.compile(r"yyyy|yy|MMMM|MMM|MM|M|dddd|ddd|dd|d|HH|H|hh|h|mm|m|ss|s|f{1,7}|tt|K|'[^']*'|\\.|.", re.DOTALL)
_DEFAULT_DATE_FORMAT = "yyyy-MM-ddTHH-mm-ssK"


@dataclass(frozen=True, slots=True)
class _Expression:
    parts: tuple[str, ...]
    format: str
    built_in: str  # "rand-guid", "datetime" or ""


class Pattern:
    """One pattern, parsed.

    Raises:
        ValueError: unbalanced braces, or something between braces that isn't an expression.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = [_token(text, match) for match in _TOKEN.finditer(text)]

    @property
    def names(self) -> list[str]:
        """The first part of every placeholder, in order."""
        return [token.parts[0] for token in self._tokens if isinstance(token, _Expression)]

    def matcher(self) -> re.Pattern[str]:
        """A regular expression that takes a text apart; its groups are the placeholders.

        Every placeholder takes as much as it can, slashes included, so that of `{name}.{ext}` the last dot counts.

        Raises:
            ValueError: a placeholder with a dot, or one that stands twice.
        """
        source = ""
        for token in self._tokens:
            if isinstance(token, str):
                source += re.escape(token)
            elif len(token.parts) > 1 or not token.parts[0].isidentifier():
                raise ValueError(f"'{self.text}': a placeholder that is matched must be a plain name")
            else:
                source += f"(?P<{token.parts[0]}>.*)"
        try:
            return re.compile(source)
        except re.error as error:
            raise ValueError(f"'{self.text}': {error}") from error

    def resolve(self, values: Mapping[str, Any], function_name: str = "") -> str:
        """Fill the placeholders in.

        Args:
            values: what the metadata of the event holds; names are compared without case.
            function_name: what `{sys.methodname}` stands for.

        Raises:
            ValueError: a placeholder has no value, or one that isn't a text, a whole number or a date.
        """
        lower = {name.lower(): value for name, value in values.items()}
        return "".join(
            token if isinstance(token, str) else _evaluate(token, lower, function_name) for token in self._tokens
        )


@lru_cache(maxsize=256)
def parse(text: str) -> Pattern:
    """A parsed pattern, kept for the next time. Raises ValueError as Pattern does."""
    return Pattern(text)


def values_of(metadata: Mapping[str, Datum]) -> dict[str, Any]:
    """An invocation's metadata as the values that placeholders refer to."""
    return {name: _value(datum) for name, datum in metadata.items()}


def _value(datum: Datum) -> Any:
    if datum.kind != "json":
        return datum.value
    value = json.loads(datum.value)
    if not isinstance(value, str):
        return value
    # Texts travel as strings, not as JSON: a JSON string is a date or a URI.
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _token(text: str, match: re.Match[str]) -> str | _Expression:
    escaped, expression, literal, brace = match.groups()
    if escaped:
        return str(escaped[0])
    if literal is not None:
        return str(literal)
    if brace:
        raise ValueError(f"'{text}' has a '{brace}' without its partner at position {match.start() + 1}")
    built_in = next((name for name in ("rand-guid", "datetime") if expression.lower().startswith(name)), "")
    name, _, form = expression.partition(":")
    if not _IDENTIFIER.fullmatch(name) or not all(name.split(".")) or ("-" in name.split(".")[0] and not built_in):
        raise ValueError(f"'{text}': '{{{expression}}}' is not a placeholder")
    return _Expression(tuple(name.split(".")), form, built_in)


def _evaluate(expression: _Expression, values: Mapping[str, Any], function_name: str) -> str:
    first, *rest = expression.parts
    if first.lower() in values:
        value = values[first.lower()]
    elif first.lower() == "sys" and rest:
        built_in = {"randguid": uuid.uuid4(), "utcnow": datetime.now(UTC), "methodname": function_name}
        value, rest = built_in.get(rest[0].lower()), rest[1:]
    elif expression.built_in:
        value = uuid.uuid4() if expression.built_in == "rand-guid" else datetime.now(UTC)
    else:
        value = None
    for name in rest:
        properties = {key.lower(): item for key, item in value.items()} if isinstance(value, dict) else {}
        value = properties.get(name.lower())
    if isinstance(value, uuid.UUID):
        return _format_guid(value, expression.format)
    if isinstance(value, datetime):
        return _format_date(value, expression.format or _DEFAULT_DATE_FORMAT)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(
        f"no value for '{{{'.'.join(expression.parts)}}}': the event's metadata has no such text or number"
    )


def _format_guid(value: uuid.UUID, form: str) -> str:
    forms = {"": str(value), "D": str(value), "N": value.hex, "B": f"{{{value}}}", "P": f"({value})"}
    if form.upper() not in forms:
        raise ValueError(f"'{form}' is not a format of GUIDs: N, D, B or P")
    return forms[form.upper()]


def _format_date(value: datetime, form: str) -> str:
    parts = {
        "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "dddd": "%A", "ddd": "%a", "dd": "%d",
        "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "tt": "%p",
    }  # fmt: skip
    single = {"M": value.month, "d": value.day, "H": value.hour, "h": value.hour % 12 or 12, "m": value.minute}
    single["s"] = value.second

    def write(match: re.Match[str]) -> str:
        part = match[0]
        if part in parts:
            return value.strftime(parts[part])
        if part in single:
            return str(single[part])
        if part[0] == "f":
            return f"{value.microsecond * 10:07}"[: len(part)]
        if part == "K":
            return "Z"
        return part.strip("'") if part[0] == "'" else part[-1]

    return _DATE_PART.sub(write, form)
