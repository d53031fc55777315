"""Reads the query of a request, with errors that name the parameter."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from shared.http_api.errors import HttpError

_OF_THE_HOST = frozenset({"code", "clientid"})
_CURSOR = re.compile(r"[0-9]{13}[\x21-\x7e]{1,1000}")


class ParameterError(HttpError):
    """A parameter isn't understood."""

    code = "invalid_parameter"


class Query:
    """The parameters of one request.

    Args:
        known: names that the endpoint takes; others are refused, as a misspelt filter would show everything.
    """

    def __init__(self, values: Mapping[str, str], known: Iterable[str]) -> None:
        names = set(known)
        for name in values:
            if name not in names and name.lower() not in _OF_THE_HOST:
                raise ParameterError(f"There is no parameter {_shown(name)}.", field=_shown(name))
        self._values = {name: value for name, value in values.items() if name in names}

    def text(self, name: str, most: int = 128) -> str | None:
        """Any text without control characters."""
        value = self._values.get(name)
        if value is not None and (len(value) > most or not value.isprintable()):
            raise ParameterError(
                f"The parameter {name} must be printable, and have {most} characters at most.", field=name
            )
        return value or None

    def choice(self, name: str, options: Iterable[str]) -> str | None:
        """One of these."""
        value, known = self._values.get(name), list(options)
        if value is not None and value not in known:
            raise ParameterError(f"The parameter {name} must be one of {', '.join(known)}.", field=name)
        return value

    def flag(self, name: str) -> bool:
        """true or false."""
        return self.choice(name, ("true", "false")) == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number."""
        value = self._values.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise ParameterError(f"The parameter {name} must be a number from {low} to {high}.", field=name)
        return int(value)

    def moment(self, name: str) -> datetime | None:
        """A date and time (RFC 3339); without an offset it is UTC."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            if not value.isascii():
                raise ValueError  # digits of other scripts
            found = datetime.fromisoformat(value.replace(" ", "+"))  # a plus that wasn't encoded
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
            found.timestamp()
        except (ValueError, OverflowError):
            raise ParameterError(
                f"The parameter {name} must be a date and time such as 2026-01-31T08:00:00Z.", field=name
            ) from None
        return found

    def cursor(self, name: str = "cursor") -> str | None:
        """Where the page before ended, as `cursor_of` wrote it."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            found = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode("ascii")
        except (binascii.Error, ValueError):
            found = ""
        if not _CURSOR.fullmatch(found):
            raise ParameterError(f"The parameter {name} isn't one that a page came with.", field=name)
        return found


def cursor_of(position: str) -> str:
    """For callers, who need not know what is in it."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _shown(name: str) -> str:
    return name[:64] if name.isprintable() else "with such a name"
