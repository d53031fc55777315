"""JSON as the real host reads and writes it: with Newtonsoft.Json, defaults as they are.

Texts that pass through the host come out changed: a string that looks like an ISO 8601 date is read as a date and
written in another form, numbers are written as .NET writes them, objects are indented. Read in Newtonsoft.Json 13:
JToken.Parse, JToken.ToString, DateTimeParser, DateTimeUtils, JsonConvert.

Limits: Newtonsoft also reads what isn't JSON (single quotes, comments, names without quotes, trailing commas); here
such a text is an error. Dates with an offset become local time; local time is UTC here, as it is on Azure's Linux.
"""

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

MAX_DEPTH = 64
"""Nesting that JsonReader.MaxDepth allows."""

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):([0-5]\d):([0-5]\d)(?:\.(\d{1,7}))?(?:([Zz])|([+-])(\d\d):?(\d\d)?)?", re.ASCII
)
_DATE_LENGTHS = range(19, 41)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_ESCAPES |= {character: f"\\u{ord(character):04x}" for character in map(chr, range(32)) if character not in _ESCAPES}
_ESCAPES |= {character: f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
_TO_ESCAPE = re.compile("[" + re.escape("".join(_ESCAPES)) + "]")


@dataclass(frozen=True, slots=True)
class JsonDate:
    """A string that was read as a date.

    Attributes:
        iso: how it is written in JSON.
        text: DateTime.ToString() in the invariant culture.
    """

    iso: str
    text: str


def is_json(text: str) -> bool:
    """Whether the host takes a text for JSON: by its first and last characters (Utility.IsJson)."""
    stripped = text.strip()
    return stripped[:1] + stripped[-1:] in ("{}", "[]")


def parse(text: str, *, dates: bool = True) -> Any:
    """JToken.Parse: dict, list, str, int, float, bool, None and JsonDate.

    Args:
        dates: whether strings that look like dates are read as dates. Not so in what a worker returns as JSON.

    Raises:
        ValueError: not JSON, or nested deeper than MAX_DEPTH.
    """
    try:
        return _convert(json.loads(text, parse_constant=str), 0, dates)
    except RecursionError as error:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from error


def compact(value: Any) -> str:
    """JToken.ToString(Formatting.None)."""
    return _write(value, None)


def to_string(value: Any) -> str:
    """JToken.ToString(): containers as indented JSON, everything else as .NET shows it to people."""
    match value:
        case dict() | list():
            return _write(value, 0)
        case JsonDate():
            return value.text
        case None:
            return ""
        case bool():
            return str(value)
        case float():
            return _double(value)
        case _:
            return str(value)


def _convert(value: Any, depth: int, dates: bool) -> Any:
    if isinstance(value, str):
        return (_date(value) if dates else None) or value
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            return {key: _convert(item, depth + 1, dates) for key, item in value.items()}
        return [_convert(item, depth + 1, dates) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _date(text: str) -> JsonDate | None:
    if len(text) not in _DATE_LENGTHS or not (match := _DATE.fullmatch(text)):
        return None
    year, month, day, hour, minute, second = (int(match[index]) for index in range(1, 7))
    ticks = int((match[7] or "").ljust(7, "0"))
    if hour > 24 or (hour == 24 and (minute or second or ticks)):
        return None
    sign = {"+": -1, "-": 1}.get(match[9], 0)
    try:
        moment = datetime(year, month, day) + timedelta(  # noqa: DTZ001 - the kind is written separately
            hours=hour + sign * int(match[10] or 0), minutes=minute + sign * int(match[11] or 0), seconds=second
        )
    except (ValueError, OverflowError):
        return None
    fraction = f".{ticks:07}".rstrip("0") if ticks else ""
    zone = "Z" if match[8] else "+00:00" if match[9] else ""
    return JsonDate(
        f"{moment.isoformat(timespec='seconds')}{fraction}{zone}",
        f"{moment.month:02}/{moment.day:02}/{moment.year:04} {moment.time().isoformat()}",
    )


def _write(value: Any, indent: int | None) -> str:
    match value:
        case dict():
            separator = ":" if indent is None else ": "
            items = [_quote(key) + separator + _write(item, _inner(indent)) for key, item in value.items()]
            return _join("{", items, "}", indent)
        case list():
            return _join("[", [_write(item, _inner(indent)) for item in value], "]", indent)
        case str():
            return _quote(value)
        case JsonDate():
            return f'"{value.iso}"'
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            text = _double(value)
            return text if "." in text or "E" in text else text + ".0"
        case _:
            return str(value)


def _inner(indent: int | None) -> int | None:
    return None if indent is None else indent + 1


def _join(opening: str, items: list[str], closing: str, indent: int | None) -> str:
    if not items:
        return opening + closing
    if indent is None:
        return opening + ",".join(items) + closing
    line = "\n" + "  " * indent
    return opening + ",".join(f"{line}  {item}" for item in items) + line + closing


def _quote(text: str) -> str:
    return '"' + _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text) + '"'


def _double(value: float) -> str:
    """Double.ToString("R", InvariantCulture) of .NET Core 3.0 and later."""
    number = Decimal(repr(value))
    sign, digits, _ = number.as_tuple()
    exponent = number.adjusted()
    if -5 < exponent < 15 or not value:
        text = format(number, "f")
        return text.removesuffix(".0")
    significant = "".join(map(str, digits)).rstrip("0")
    mantissa = significant[0] + ("." + significant[1:] if significant[1:] else "")
    return f"{'-' if sign else ''}{mantissa}E{'-' if exponent < 0 else '+'}{abs(exponent):02}"
