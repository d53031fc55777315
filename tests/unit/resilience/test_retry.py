"""The retry policy: numbers in a table, and the loop that follows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ContentFilteredError, ModelUnavailableError, RateLimitedError, TransientError
from shared.resilience.retry import RetryDecision, RetryPolicy, decide, retry


def _longest() -> float:
    return 1.0


def _shortest() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("attempt", "retry_after_s", "shortest_s", "longest_s"),
    [(1, None, 0, 1), (2, None, 0, 2), (3, None, 0, 4), (7, None, 0, 60), (99, None, 0, 60), (2, 7.5, 7.5, 9.5)],
)
def test_delays(attempt: int, retry_after_s: float | None, shortest_s: float, longest_s: float) -> None:
    policy = RetryPolicy()
    assert policy.delay_s(attempt, retry_after_s, _shortest) == shortest_s
    assert policy.delay_s(attempt, retry_after_s, _longest) == longest_s


@given(
    attempt=st.integers(1, 10**6),
    retry_after_s=st.none() | st.floats(0, 120),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_never_earlier_than_asked_and_bounded(attempt: int, retry_after_s: float | None, jitter: float) -> None:
    delay_s = RetryPolicy().delay_s(attempt, retry_after_s, lambda: jitter)
    asked_s = retry_after_s or 0
    assert asked_s <= delay_s <= asked_s + 60


@pytest.mark.parametrize(
    ("error", "attempt", "decision"),
    [
        (TransientError(), 1, RetryDecision(1.0)),
        (TransientError(), 4, RetryDecision(8.0)),
        (TransientError(), 5, None),
        (RateLimitedError(retry_after_s=20), 1, RetryDecision(21.0)),
        (ModelUnavailableError(reached=False), 1, RetryDecision(1.0)),
        (ContentFilteredError(), 1, None),
        (ValueError(), 1, None),
    ],
)
def test_decisions(error: Exception, attempt: int, decision: RetryDecision | None) -> None:
    assert decide(error, attempt, random=_longest) == decision


class _Script:
    """A call that fails with each error in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.slept: list[float] = []

    async def call(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)

    async def run(self) -> str:
        return await retry(self.call, sleep=self.sleep, random=_longest)


async def test_retries_until_it_succeeds() -> None:
    script = _Script(RateLimitedError(retry_after_s=3), TransientError())
    assert await script.run() == "done"
    assert script.slept == [4.0, 2.0]


async def test_gives_up_after_the_last_attempt() -> None:
    script = _Script(*[TransientError(f"failure {n}") for n in range(1, 9)])
    with pytest.raises(TransientError, match="failure 5"):
        await script.run()
    assert (script.calls, script.slept) == (5, [1.0, 2.0, 4.0, 8.0])


async def test_a_permanent_error_is_tried_once() -> None:
    script = _Script(ContentFilteredError())
    with pytest.raises(ContentFilteredError):
        await script.run()
    assert (script.calls, script.slept) == (1, [])
