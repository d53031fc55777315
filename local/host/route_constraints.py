"""Constraints of route parameters, `{id:int}`: those that ASP.NET Core knows (DefaultInlineConstraintResolver).

Limits: `datetime` takes ISO 8601 and month/day/year only, .NET many more forms. `regex` is read by Python; the two
dialects agree on what is usual in a route.
"""

import re
from collections.abc import Callable
from datetime import datetime

type Constraint = Callable[[str], bool]

_GUID = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}|\([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\)",
    re.IGNORECASE,
)
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_DECIMAL = re.compile(r"\s*[+-]?(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)\s*")
_FLOAT = re.compile(
    r"\s*[+-]?(?:(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|infinity|nan|∞)\s*", re.IGNORECASE
)
_CALL = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)
_US_DATES = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m-%d-%Y")


def parse_constraint(text: str) -> Constraint:
    """Read one constraint, such as `int`, `length(3,5)` or `regex(^a+$)`.

    Raises:
        ValueError: there is no such constraint, or its arguments don't fit.
    """
    match = _CALL.fullmatch(text)
    name, argument = (match[1].lower(), match[2]) if match else (text, None)
    if argument is None and name in _PLAIN:
        return _PLAIN[name]
    if argument is not None and name == "regex":
        try:
            return _regex(argument)
        except re.error as error:
            raise ValueError(f"the expression of the constraint '{text}' is not valid: {error}") from error
    if argument is not None and name in _WITH_NUMBERS:
        numbers = [part.strip() for part in argument.split(",")]
        counts, make = _WITH_NUMBERS[name]
        if len(numbers) not in counts or not all(_INTEGER.fullmatch(number) for number in numbers):
            raise ValueError(f"the constraint '{text}' needs {' or '.join(map(str, counts))} whole number(s)")
        return make(*map(int, numbers))
    raise ValueError(f"the constraint '{text}' is not one that routes know")


def _integer(bits: int) -> Constraint:
    limit = 1 << (bits - 1)

    def check(value: str) -> bool:
        return bool(_INTEGER.fullmatch(value)) and len(value) <= 64 and -limit <= int(value) < limit

    return check


def _between(low: int, high: int) -> Constraint:
    whole = _integer(64)
    return lambda value: whole(value) and low <= int(value) <= high


def _length(low: int, high: int | None = None) -> Constraint:
    return lambda value: low <= len(value) <= (low if high is None else high)


def _regex(expression: str) -> Constraint:
    compiled = re.compile(expression, re.IGNORECASE)
    return lambda value: compiled.search(value) is not None


def _is_datetime(value: str) -> bool:
    text = value.strip()
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return any(_matches_format(text, form) for form in _US_DATES)
    return "-" in text or "T" in text


def _matches_format(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return True


def _is_file(value: str) -> bool:
    _, dot, extension = value.rpartition("/")[2].rpartition(".")
    return bool(dot and extension)


_PLAIN: dict[str, Constraint] = {
    "alpha": lambda value: re.fullmatch("[a-z]*", value, re.IGNORECASE | re.ASCII) is not None,
    "bool": lambda value: value.strip().lower() in ("true", "false"),
    "datetime": _is_datetime,
    "decimal": lambda value: _DECIMAL.fullmatch(value) is not None,
    "double": lambda value: _FLOAT.fullmatch(value) is not None,
    "file": _is_file,
    "float": lambda value: _FLOAT.fullmatch(value) is not None,
    "guid": lambda value: _GUID.fullmatch(value.strip()) is not None,
    "int": _integer(32),
    "long": _integer(64),
    "nonfile": lambda value: not _is_file(value),
    "required": lambda value: value != "",
}
_WITH_NUMBERS: dict[str, tuple[tuple[int, ...], Callable[..., Constraint]]] = {
    "length": ((1, 2), _length),
    "max": ((1,), lambda high: _between(-(1 << 63), high)),
    "maxlength": ((1,), lambda high: _length(0, high)),
    "min": ((1,), lambda low: _between(low, 1 << 63)),
    "minlength": ((1,), lambda low: _length(low, 1 << 62)),
    "range": ((2,), _between),
}
