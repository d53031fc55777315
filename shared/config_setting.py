"""What is known of one setting: its definition, as the documentation and the validator need it."""

import re
from dataclasses import dataclass
from enum import StrEnum

_LONGEST_SHOWN = 32
_SECRET_NAME = re.compile(r"(?:KEYS?|SECRET|PASSWORD|PWD|TOKEN|SAS|CONNECTION_STRING)$", re.IGNORECASE)
_UNITS = {  # by the end of the name
    "_S": "seconds",
    "_MINUTES": "minutes",
    "_DAYS": "days",
    "_BYTES": "bytes",
    "_CHARS": "characters",
    "_TOKENS": "tokens",
    "TOKEN_LIMIT_PER_MINUTE": "tokens a minute",
    "_PER_MINUTE": "requests a minute",
}


class Form(StrEnum):
    """What a value has to look like."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a kind, no secret
    NUMBER = "number"
    WHOLE = "whole number"
    WEIGHTS = "weights"
    PATH = "path"
    ADDRESS = "address"
    NAMESPACE = "Service Bus namespace"
    QUEUE = "queue"
    CONTAINER = "blob container"
    SCHEDULE = "NCRONTAB, UTC"
    API_VERSION = "API version"
    HOST = "host name"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        aliases: other names that are accepted for it, such as those of the source documents.
        area: part of the documentation.
        default: None where there is none, or where `default_is` says what it follows from.
        effect: what it does, for the documentation.
        default_is: what stands in the documentation for the default.
        low, high: of numbers, both included.
        choices: the words that it may be.
        several: whether it is a list with commas.
    """

    name: str
    aliases: tuple[str, ...] = ()
    area: str = ""
    form: Form = Form.TEXT
    default: str | float | None = None
    effect: str = ""
    default_is: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    several: bool = False

    @property
    def secret(self) -> bool:
        """Whether its value must not be shown: by its form, or by its name where the form was forgotten."""
        return self.form is Form.SECRET or _SECRET_NAME.search(self.name) is not None

    @property
    def measure(self) -> str:
        """The unit of a number, or the form that a text has; empty where there is nothing to say."""
        if self.unit:
            return self.unit
        if self.form in (Form.NUMBER, Form.WHOLE):
            return next((unit for end, unit in _UNITS.items() if self.name.endswith(end)), "")
        return "" if self.form in (Form.TEXT, Form.SECRET, Form.WEIGHTS) else str(self.form)


def shown(value: str) -> str:
    """A wrong value for an error text: quoted, and not at all where it might be a key in the wrong place."""
    if len(value) > _LONGEST_SHOWN or not value.isprintable() or re.search(r"(?i)key=|sig=|[\w+/-]{20}", value):
        return f"a text of {len(value)} characters"
    return repr(value)
