"""Waiting for the quota by the counter's word."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ModelTimeoutError, RateLimitedError
from shared.quota.token_client import TokenCounterError
from shared.quota.token_limit_retry import (
    MAX_WAIT_S,
    room_in_s,
    with_token_limit_retry,
    with_token_limit_retry_decorator,
)


class Counter:
    """Gives the same status always, or none."""

    def __init__(self, **status: Any) -> None:
        self.status = {"now_s": 1000.0, **status}
        self.asked = 0
        self.away = False

    async def get_status(self) -> dict[str, Any]:
        self.asked += 1
        if self.away:
            raise TokenCounterError
        return self.status


class Call:
    """Is refused so many times, then gives back what it was called with."""

    def __init__(self, refusals: int, error: Exception | None = None) -> None:
        self.refusals = refusals
        self.error = error or RateLimitedError()
        self.calls = 0

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls <= self.refusals:
            raise self.error
        return args, kwargs


class Sleeper:
    """Sleeps at once, and keeps how long it should have been."""

    def __init__(self) -> None:
        self.slept_s: list[float] = []

    async def __call__(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)


def never() -> float:
    return 0.0


async def test_arguments_and_result_pass_through() -> None:
    counter = Counter()
    result = await with_token_limit_retry(Call(0), counter, 1, "two", max_retries=3, three=3)
    assert result == ((1, "two"), {"three": 3})
    assert counter.asked == 0


async def test_waits_for_what_the_counter_says() -> None:
    sleep, counter = Sleeper(), Counter(next_free_s=1007.5, reset_s=40.0, frozen_until_s=0.0)
    await with_token_limit_retry(Call(1), counter, sleep=sleep, random=never)
    assert sleep.slept_s == [7.5]


async def test_where_that_was_not_enough_it_waits_for_more_of_the_quota() -> None:
    sleep, counter = Sleeper(), Counter(next_free_s=1001.0, reset_s=40.0)
    await with_token_limit_retry(Call(4), counter, max_retries=4, sleep=sleep, random=never)
    assert sleep.slept_s == [1.0, 20.0, 30.0, 40.0]


async def test_a_freeze_counts() -> None:
    sleep, counter = Sleeper(), Counter(next_free_s=1001.0, frozen_until_s=1030.0)
    await with_token_limit_retry(Call(1), counter, sleep=sleep, random=never)
    assert sleep.slept_s == [30.0]


async def test_it_ends() -> None:
    call, sleep = Call(99), Sleeper()
    with pytest.raises(RateLimitedError):
        await with_token_limit_retry(call, Counter(), max_retries=2, sleep=sleep)
    assert (call.calls, len(sleep.slept_s)) == (3, 2)


@pytest.mark.parametrize("error", [ModelTimeoutError(), ValueError("x")], ids=["transient", "foreign"])
async def test_other_errors_propagate_at_once(error: Exception) -> None:
    call, sleep, counter = Call(1, error), Sleeper(), Counter()
    with pytest.raises(type(error)):
        await with_token_limit_retry(call, counter, sleep=sleep)
    assert (call.calls, sleep.slept_s, counter.asked) == (1, [], 0)


async def test_without_the_counter_it_waits_by_backoff_and_what_the_endpoint_asked_for() -> None:
    sleep, counter = Sleeper(), Counter()
    counter.away = True
    await with_token_limit_retry(
        Call(2, RateLimitedError(retry_after_s=10.0)), counter, sleep=sleep, random=lambda: 0.5
    )
    assert sleep.slept_s == [10.5, 11.0]


async def test_decorator() -> None:
    sleep, call = Sleeper(), Call(1)

    @with_token_limit_retry_decorator(Counter(next_free_s=1002.0), 1, sleep=sleep, random=never)
    async def decorated(*args: Any, **kwargs: Any) -> Any:
        """Its own."""
        return await call(*args, **kwargs)

    # Also parameters that have a name of the wrapper's.
    assert await decorated(1, max_retries=7, sleep="deep") == ((1,), {"max_retries": 7, "sleep": "deep"})
    assert sleep.slept_s == [2.0]
    assert decorated.__doc__ == "Its own."


_anything = st.one_of(
    st.none(), st.booleans(), st.text(), st.floats(), st.integers(), st.just(10**400), st.lists(st.integers())
)


@given(
    status=st.dictionaries(st.sampled_from(["now_s", "next_free_s", "frozen_until_s", "reset_s"]), _anything),
    retry=st.integers(1, 5),
    retry_after_s=st.one_of(st.none(), st.floats()),
)
def test_no_status_makes_it_wait_without_end(status: dict[str, Any], retry: int, retry_after_s: float | None) -> None:
    assert 0 <= room_in_s(status, retry, 5, retry_after_s) <= MAX_WAIT_S
