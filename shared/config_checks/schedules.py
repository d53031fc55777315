"""Whether the Functions host can read a schedule.

The form is NCRONTAB's: six fields, or five without seconds; the same rules as in local/host/schedule.py, by which the
local host finds the times. Source: NCrontab's CrontabFieldImpl.cs; Microsoft, "Timer trigger for Azure Functions".
"""

from datetime import date

from shared.config_checks.given import seconds_of

_MONTHS = [date(2026, month, 1).strftime("%B").lower() for month in range(1, 13)]
_DAYS = [date(2026, 2, day).strftime("%A").lower() for day in range(1, 8)]  # that month began with a Sunday
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("second", 0, 59, []),
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_EXAMPLE = "Such as 0 30 2 * * * for every day at 02:30 UTC."


def schedule_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with a schedule, and the mend; None where nothing is."""
    fields = text.split()
    if len(fields) == 5:
        fields.insert(0, "0")
    if len(fields) != len(_FIELDS):
        if (interval_s := seconds_of(text)) is not None:
            minutes = max(1, round(interval_s / 60))
            return (
                "it is an interval, which timers know on App Service plans only.",
                f"Set it to 0 */{minutes} * * * *." if minutes < 60 else _EXAMPLE,
            )
        return "it isn't an NCRONTAB expression of six fields.", _EXAMPLE
    for field, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, low, high, words) for part in field.split(",")):
            return f"its {name} must be from {low} to {high}, *, or ranges, lists and steps of these.", _EXAMPLE
    return None


def runs_every_second(text: str) -> bool:
    """Whether a schedule of six fields begins with `*`: most who write it mean the minute."""
    fields = text.split()
    return len(fields) == 6 and fields[0] == "*"


def _is_part(part: str, low: int, high: int, words: list[str]) -> bool:
    body, slash, step = part.partition("/")
    if slash and not _is_number(step):
        return False
    if body == "*":
        return True
    return all(_is_value(each, low, high, words) for each in body.split("-", 1))


def _is_value(text: str, low: int, high: int, words: list[str]) -> bool:
    if text[:1].isascii() and text[:1].isdigit():
        return _is_number(text) and low <= int(text) <= high
    return bool(text) and any(word.startswith(text.lower()) for word in words)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
