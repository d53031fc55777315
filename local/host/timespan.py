"""Durations as .NET writes them: host.json, timer schedules."""

import re

_TIMESPAN = re.compile(
    r"(?P<sign>-)?(?:(?P<only_days>\d{1,8})"
    r"|(?:(?P<days>\d{1,8})\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?)",
    re.ASCII,
)


def parse_timespan(text: str) -> float:
    """Read `[-][d.]hh:mm[:ss[.fffffff]]`, or a plain number of days.

    A plain number means days, not seconds: "30" is thirty days. That is how the real host reads it, too.

    Returns:
        Seconds.

    Raises:
        ValueError: not of that form, or hours over 23, minutes or seconds over 59.
    """
    match = _TIMESPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration of the form [d.]hh:mm:ss")
    days, hours, minutes, seconds = (int(match[part] or 0) for part in ("days", "hours", "minutes", "seconds"))
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(
            f"{text!r} is out of range: hours go to 23, minutes and seconds to 59; write days as d.hh:mm:ss"
        )
    days += int(match["only_days"] or 0)
    fraction = float(f"0.{match['fraction']}") if match["fraction"] else 0.0
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds + fraction
    return -total if match["sign"] else total
