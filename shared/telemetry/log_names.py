"""Names of log files: `{app}-{instance}-{date}-{n}.jsonl`.

`n` counts the files of an instance from 1, so a number that is missing is a file that is missing. A file that is still
written to has the suffix `.active` besides.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

SUFFIX = ".jsonl"
ACTIVE = ".active"
_NAME = re.compile(r"([A-Za-z0-9._-]+)-([A-Za-z0-9.]+)-(\d{8})-(\d{6,})(?:~[0-9a-f]+)?\.jsonl")


@dataclass(frozen=True, slots=True)
class LogName:
    """A log file's name.

    Attributes:
        app: letters, digits, dots, hyphens, underscores.
        instance: see instance_id.
        date: `YYYYMMDD`, UTC, when the file was begun.
        n: its number among the files of the instance.
    """

    app: str
    instance: str
    date: str
    n: int

    def __str__(self) -> str:
        return f"{self.app}-{self.instance}-{self.date}-{self.n:06d}{SUFFIX}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The parts of a name, with or without a mark of a second content (`~1a2b3c4d`); None if it is no such name."""
        match = _NAME.fullmatch(text)
        return cls(match[1], match[2], match[3], int(match[4])) if match else None


def date_of(seconds: float) -> str:
    """`YYYYMMDD` of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d")


def instance_id(machine: str, pid: int, started_s: float | None = None) -> str:
    """A name that no other process has or had: machine, process id, time of its start in ms (hexadecimal).

    Args:
        machine: letters and digits.
        started_s: in seconds since 1970; None means now.
    """
    return f"{machine}.{pid}.{int((time.time() if started_s is None else started_s) * 1000):x}"
