"""When timers are due."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.schedule import CronSchedule, IntervalSchedule, parse_schedule
from local.host.timer_status import NEVER, TimerStatus, check_status, due_after

NOW = datetime(2026, 1, 1, 10, 30, 15, 250_000, UTC)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def after(expression: str, moment: datetime = NOW) -> str:
    following = parse_schedule(expression).next_after(moment)
    assert following is not None
    return following.isoformat(sep=" ").removesuffix("+00:00")


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("* * * * * *", "2026-01-01 10:30:16"),
        ("*/10 * * * * *", "2026-01-01 10:30:20"),
        ("0 * * * * *", "2026-01-01 10:31:00"),
        ("* * * * *", "2026-01-01 10:31:00"),
        ("5/20 * * * * *", "2026-01-01 10:30:25"),
        ("50-40/5 * * * * *", "2026-01-01 10:30:40"),  # a range that is upside down is turned
        ("0 0 9-17 * * Mon-Fri", "2026-01-01 11:00:00"),
        ("0 0 0 * ja 0", "2026-01-04 00:00:00"),
        ("0 0 0 1,15 * 1", "2026-06-01 00:00:00"),  # day AND day of week
        ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 0 1 JUNE *", "2026-06-01 00:00:00"),
        ("00:05:00", "2026-01-01 10:35:15.250000"),
        ("1.00:00:00", "2026-01-02 10:30:15.250000"),
    ],
)
def test_next_time(expression: str, following: str) -> None:
    assert after(expression) == following


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("60 * * * * *", "60 is not a second"),
        ("* * 24 * * *", "24 is not a hour"),
        ("* * * 0 * *", "0 is not a day"),
        ("* * * * 13 *", "13 is not a month"),
        ("* * * * * 7", "7 is not a day of week"),
        ("? * * * * *", "is not a second"),
        ("* * * L * *", "'L' is not a day"),
        ("1,,2 * * * * *", "'' is not a second"),
        ("*/x * * * * *", "'x' is not a number"),
        ("* * * * foo *", "one of january"),
        ("@hourly", "neither"),
        ("00:00:00", "neither"),
        ("-00:00:05", "neither"),
    ],
)
def test_what_is_no_schedule(expression: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_schedule(expression)


def test_a_day_that_never_comes() -> None:
    schedule = CronSchedule("0 0 0 31 2 *")
    assert schedule.next_after(NOW) is None
    assert due_after(schedule, NOW).year == 9999


@pytest.mark.parametrize(
    ("text", "monitored"),
    [
        ("0 * * * * *", True),
        ("*/30 * * * * *", False),
        ("*/30 5 * * * *", True),
        ("* * * * *", True),
        ("00:00:59", False),
        ("00:01:00", True),
    ],
)
def test_schedules_of_less_than_a_minute_are_not_monitored(text: str, monitored: bool) -> None:
    assert parse_schedule(text).monitored is monitored


MOMENTS = st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
FIELD = st.one_of(
    st.just("*"),
    st.integers(0, 70).map(str),
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.integers(1, 30).map(lambda step: f"*/{step}"),
    st.text("0123456789*/-,jan", max_size=4),
)


@given(st.lists(FIELD, min_size=4, max_size=7), MOMENTS)
def test_any_expression_is_used_or_refused(fields: list[str], moment: datetime) -> None:
    try:
        schedule = CronSchedule(" ".join(fields))
    except ValueError:
        return
    following = schedule.next_after(moment)
    if following is not None:
        assert following > moment
        assert following.microsecond == 0
        assert schedule.next_after(following) != following


@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 6), MOMENTS)
def test_the_next_time_fits_the_fields_and_is_the_first(minute: int, hour: int, weekday: int, moment: datetime) -> None:
    following = CronSchedule(f"0 {minute} {hour} * * {weekday}").next_after(moment)
    assert following is not None
    assert (following.minute, following.hour, following.isoweekday() % 7) == (minute, hour, weekday)
    assert timedelta(0) < following - moment <= timedelta(days=7)


class TestStatus:
    hourly = CronSchedule("0 0 * * * *")
    ten, eleven, twelve = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (10, 11, 12))

    def test_a_new_timer_waits_for_its_first_time(self) -> None:
        assert check_status(self.hourly, None, NOW) == (TimerStatus(NEVER, self.eleven, NOW), True, False)

    def test_an_unchanged_status_is_kept(self) -> None:
        kept = TimerStatus(self.ten, self.eleven, self.ten)
        assert check_status(self.hourly, kept, NOW) == (kept, False, False)

    def test_a_run_was_missed(self) -> None:
        kept = TimerStatus(self.ten, self.eleven, self.ten)
        assert check_status(self.hourly, kept, self.twelve + timedelta(minutes=5)) == (kept, False, True)

    def test_a_run_was_missed_before_the_first(self) -> None:
        kept = TimerStatus(NEVER, self.eleven, NOW)
        assert check_status(self.hourly, kept, self.twelve) == (kept, False, True)

    def test_another_schedule_is_counted_from_the_last_run(self) -> None:
        kept = TimerStatus(self.ten, self.eleven, self.ten)
        half_past = CronSchedule("0 30 * * * *")
        before = self.ten + timedelta(minutes=10)
        expected = TimerStatus(NEVER, self.ten + timedelta(minutes=30), self.ten)
        assert check_status(half_past, kept, before) == (expected, True, False)

    def test_a_time_that_only_the_new_schedule_missed_is_not_made_up_for(self) -> None:
        kept = TimerStatus(self.ten, self.eleven, self.ten)
        expected = TimerStatus(NEVER, NOW + timedelta(minutes=5), NOW)
        assert check_status(IntervalSchedule("00:05:00"), kept, NOW) == (expected, True, False)

    def test_it_is_written_as_net_writes_it(self) -> None:
        assert TimerStatus(NEVER, self.eleven, self.ten).as_dict() == {
            "Last": "0001-01-01T00:00:00+00:00",
            "Next": "2026-01-01T11:00:00+00:00",
            "LastUpdated": "2026-01-01T10:00:00+00:00",
        }
