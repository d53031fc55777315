"""When a timer is due: NCRONTAB expressions and intervals.

An expression has six fields, `{second} {minute} {hour} {day} {month} {day of week}`, or five without seconds; a value
is `*`, a number, a name (months and weekdays, may be cut short: `jan`, `Mon`), a range `a-b`, a list `a,b`, or one of
these with a step `/n`. Day and day of week must both match, unlike in cron. Sunday is 0; there is no 7.
(NCrontab's CrontabFieldImpl.cs; TimerSchedule.cs of azure-webjobs-sdk-extensions.)

Times are local times of this machine, or of the time zone named by TZ. Limit: where clocks are put back, times of the
repeated hour come once; the real host runs an interval such as `0 */5 * * * *` in both hours. UTC has no such hour.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from croniter import CroniterBadDateError, croniter

from local.host.timespan import parse_timespan

_MONTHS = "January February March April May June July August September October November December".lower().split()
_DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".lower().split()
_MONITOR_FROM_S = 60.0


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("day of week", 0, 6, tuple(_DAYS)),
)


class Schedule(Protocol):
    """When a timer is due."""

    @property
    def adjust_for_dst(self) -> bool:
        """What the function sees as `schedule.AdjustForDST`."""
        ...

    @property
    def monitored(self) -> bool:
        """Whether it is slow enough for its status to be kept: once a minute or less often."""
        ...

    def next_after(self, moment: datetime) -> datetime | None:
        """The next time after an aware moment; None if there is none within fifty years."""
        ...


class CronSchedule:
    """An NCRONTAB expression.

    Raises:
        ValueError: it isn't one; the text names the field.
    """

    adjust_for_dst = True

    def __init__(self, expression: str) -> None:
        parts = expression.split()
        if len(parts) not in (5, 6):
            raise ValueError(
                f"'{expression}' has {len(parts)} fields; it needs 6 ({{second}} {{minute}} {{hour}} {{day}} {{month}} "
                "{day of week}) or 5 (without seconds)"
            )
        if len(parts) == 5:
            parts = ["0", *parts]
        self._values = [_values(part, field) for part, field in zip(parts, _FIELDS, strict=True)]
        self._canonical = " ".join(
            _canonical(values, field) for values, field in zip(self._values, _FIELDS, strict=True)
        )

    @property
    def monitored(self) -> bool:
        every_minute = all(len(v) == f.high - f.low + 1 for v, f in zip(self._values[1:], _FIELDS[1:], strict=True))
        return not (every_minute and len(self._values[0]) > 1)

    def next_after(self, moment: datetime) -> datetime | None:
        local = moment.astimezone().replace(tzinfo=None)
        # Both flags: without them croniter reads five fields first, and lets day or day of week be enough.
        times = croniter(self._canonical, local, second_at_beginning=True, day_or=False)
        try:
            following: datetime = times.get_next(datetime)
        except CroniterBadDateError:
            return None
        found = following.astimezone()
        # In the hour that clocks repeat, the first of two equal local times may be over.
        return found if found > moment else found + timedelta(hours=1)


class IntervalSchedule:
    """A fixed time from one run to the next, written as a TimeSpan.

    Raises:
        ValueError: not a TimeSpan, or not over zero.
    """

    adjust_for_dst = False

    def __init__(self, text: str) -> None:
        self._interval_s = parse_timespan(text)
        if self._interval_s <= 0:
            raise ValueError(f"the interval '{text}' is not over zero")

    @property
    def monitored(self) -> bool:
        return self._interval_s >= _MONITOR_FROM_S

    def next_after(self, moment: datetime) -> datetime | None:
        return moment.astimezone() + timedelta(seconds=self._interval_s)


def parse_schedule(text: str) -> Schedule:
    """Read a timer's `schedule`.

    Raises:
        ValueError: neither an NCRONTAB expression nor a TimeSpan.
    """
    try:
        return CronSchedule(text)
    except ValueError as error:
        try:
            return IntervalSchedule(text)
        except ValueError:
            raise ValueError(
                f"the schedule '{text}' is neither an NCRONTAB expression nor an interval hh:mm:ss: {error}"
            ) from None


def _values(text: str, field: _Field) -> list[int]:
    values: set[int] = set()
    for item in text.split(","):
        body, slash, step_text = item.partition("/")
        step = max(_number(step_text, text, field), 1) if slash else 1
        first, dash, last = body.partition("-")
        if body == "*":
            low, high = field.low, field.high
        elif dash:
            low, high = sorted((_value(first, text, field), _value(last, text, field)))
        else:
            low = _value(first, text, field)
            high = field.high if slash else low
        values |= set(range(low, high + 1, step))
    return sorted(values)


def _value(text: str, whole: str, field: _Field) -> int:
    if text[:1].isascii() and text[:1].isdigit():
        value = _number(text, whole, field)
    else:
        names = [index for index, name in enumerate(field.names) if text and name.startswith(text.lower())]
        if not names:
            known = f", or one of {', '.join(field.names)}" if field.names else ""
            raise ValueError(f"'{text}' is not a {field.name}: {field.low} to {field.high}{known} (in '{whole}')")
        value = names[0] + field.low
    if not field.low <= value <= field.high:
        raise ValueError(f"{value} is not a {field.name}: {field.low} to {field.high} (in '{whole}')")
    return value


def _number(text: str, whole: str, field: _Field) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"'{text}' is not a number (in the {field.name} field '{whole}')")
    return int(text)


def _canonical(values: list[int], field: _Field) -> str:
    return "*" if len(values) == field.high - field.low + 1 else ",".join(map(str, values))
