"""How the quota was used, minute by minute."""

from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.quota_history import MINUTES, QuotaSample, last_hour, with_sample


def sample(minute: int, used: int = 0, throttles: int = 0) -> QuotaSample:
    return QuotaSample(minute, used, 0, 1000, throttles)


def test_from_what_a_counter_says() -> None:
    said = {"now_s": 125.0, "used_tokens": 10, "booked_ahead_tokens": 5, "limits": {"tpm": 1000}, "throttles": 2}
    assert QuotaSample.of(said) == QuotaSample(2, 10, 5, 1000, 2)


def test_while_nothing_is_used_nothing_is_written() -> None:
    assert with_sample([], sample(1)) is None
    used = with_sample([], sample(1, 10))
    assert used == [sample(1, 10)]
    ended = with_sample(used, sample(2))
    assert ended == [sample(1, 10), sample(2)]
    assert with_sample(ended, sample(3)) is None
    assert with_sample(ended, sample(3, throttles=1)) is not None


@given(st.lists(st.tuples(st.integers(1, 10), st.integers(0, 1000)), max_size=150))
def test_an_hour_is_an_hour(steps: list[tuple[int, int]]) -> None:
    minute, kept = 1000, []
    for passed, used in steps:
        minute += passed
        kept = with_sample(kept, sample(minute, used)) or kept
        assert len(kept) <= MINUTES
    hour = last_hour(kept, minute)
    assert len(hour) == (MINUTES if kept else 0)
    assert [one.minute for one in hour] == list(range(minute - MINUTES + 1, minute + 1))[: len(hour)]
    for one in hour:
        assert one.used == next((known.used for known in kept if known.minute == one.minute), 0)
        assert one.limit == 1000
