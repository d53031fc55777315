"""The limiter: what it promises over any sequence of calls, and the measured behaviour of the real endpoint."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.model.limits import DEFAULT_MAX_TOKENS, NEVER_S, Limiter, Limits, default_rpm

# (seconds since the call before, tokens)
ARRIVALS = st.lists(st.tuples(st.floats(0, 40), st.integers(1, 700)), min_size=1, max_size=80)
LIMITS = st.builds(
    Limits,
    tpm=st.integers(100, 2000),
    rpm=st.integers(1, 200),
    request_window_s=st.sampled_from([1.0, 10.0]),
    count_rejected=st.booleans(),
)


def admitted(limiter: Limiter, arrivals: list[tuple[float, int]]) -> list[tuple[float, int]]:
    now, passed = 1000.0, []
    for gap, tokens in arrivals:
        now += gap
        if limiter.admit(now, tokens).exceeded is None:
            passed.append((now, tokens))
    return passed


@given(LIMITS, ARRIVALS)
def test_no_trailing_window_ever_holds_more_than_the_limits(limits: Limits, arrivals: list[tuple[float, int]]) -> None:
    passed = admitted(Limiter(limits), arrivals)

    for end, _ in passed:
        assert sum(tokens for at, tokens in passed if end - 60 < at <= end) <= limits.tpm
        window = limits.request_window_length_s
        assert sum(1 for at, _ in passed if end - window < at <= end) <= limits.requests_per_window
        assert limits.requests_per_window / window <= limits.rpm / 60 + 1e-9


@given(LIMITS, ARRIVALS, st.floats(0, 60))
def test_no_fixed_minute_ever_holds_more_than_the_limit(
    limits: Limits, arrivals: list[tuple[float, int]], phase: float
) -> None:
    passed = admitted(Limiter(replace(limits, token_window="fixed"), phase), arrivals)

    minutes: dict[int, int] = {}
    for at, tokens in passed:
        minute = int((at - phase) // 60)
        minutes[minute] = minutes.get(minute, 0) + tokens
    assert all(used <= limits.tpm for used in minutes.values())


@given(LIMITS, ARRIVALS, st.sampled_from(["rolling", "fixed"]))
def test_whoever_waits_as_told_is_admitted(limits: Limits, arrivals: list[tuple[float, int]], window: str) -> None:
    limiter = Limiter(replace(limits, token_window=window, count_rejected=False), phase_s=17.0)  # type: ignore[arg-type]
    now = 1000.0
    for gap, tokens in arrivals:
        now += gap
        decision = limiter.admit(now, tokens)
        if decision.exceeded and decision.retry_after_s < NEVER_S:
            now += decision.retry_after_s + 1e-6
            assert limiter.admit(now, tokens).exceeded is None


@given(LIMITS, ARRIVALS)
def test_what_remains_is_what_the_next_call_can_have(limits: Limits, arrivals: list[tuple[float, int]]) -> None:
    limiter = Limiter(limits)
    admitted(limiter, arrivals)
    now = 1000.0 + sum(gap for gap, _ in arrivals)

    state = limiter.state(now)

    if state.remaining_requests and state.remaining_tokens:
        assert limiter.admit(now, state.remaining_tokens + 1).exceeded == "token"
        if not limits.count_rejected:
            assert limiter.admit(now, state.remaining_tokens).exceeded is None


def test_tokens_come_back_one_call_at_a_time_after_60_s() -> None:
    # The measurement: 10,000 tokens per minute, calls of 100 + 2,000 tokens.
    limiter = Limiter(Limits(tpm=10_000, rpm=60))
    charge = limiter.limits.charge(100, 2000)

    remaining = [limiter.admit(at, charge).remaining_tokens for at in (0.0, 1.9, 3.6, 5.4)]
    rejected = [limiter.admit(at, charge).exceeded for at in (7.8, 59.6)]

    assert remaining == [7900, 5800, 3700, 1600]
    assert rejected == ["token", "token"]
    assert limiter.admit(60.2, charge).remaining_tokens == 1600
    assert limiter.admit(61.0, charge).exceeded == "token"


def test_requests_are_counted_over_ten_seconds() -> None:
    # The measurement: 12 requests per minute allow 2 in 10 s.
    limiter = Limiter(Limits(tpm=2000, rpm=12))

    outcomes = [limiter.admit(at, 1).exceeded for at in (0.0, 2.1, 3.9, 9.9, 10.6, 12.6, 14.3)]

    assert outcomes == [None, None, "call", "call", None, None, "call"]


def test_first_call_of_120_per_minute_leaves_19() -> None:
    assert Limiter(Limits(tpm=20_000, rpm=120)).admit(0.0, 125).remaining_requests == 19


def test_a_window_too_short_for_one_request_is_lengthened() -> None:
    limiter = Limiter(Limits(tpm=1000, rpm=2, request_window_s=1))

    assert [limiter.admit(at, 1).exceeded for at in (0.0, 29.0, 30.0)] == [None, "call", None]


def test_a_call_over_the_whole_limit_is_told_to_come_back_tomorrow() -> None:
    decision = Limiter(Limits(tpm=100, rpm=600)).admit(0.0, 101)

    assert (decision.exceeded, decision.retry_after_s) == ("token", 86_400.0)


@pytest.mark.parametrize(("count_rejected", "expected"), [(False, None), (True, "call")])
def test_rejected_calls_use_up_requests_only_if_asked(count_rejected: bool, expected: str | None) -> None:
    limiter = Limiter(Limits(tpm=100, rpm=12, count_rejected=count_rejected))

    limiter.admit(0.0, 101)
    limiter.admit(0.0, 101)

    assert limiter.admit(1.0, 1).exceeded == expected


@pytest.mark.parametrize("window", ["rolling", "fixed"])
@pytest.mark.parametrize(("refund", "remaining"), [(False, 0), (True, 990)])
def test_unused_tokens_come_back_only_if_asked(window: str, refund: bool, remaining: int) -> None:
    limiter = Limiter(Limits(tpm=1000, rpm=600, token_window=window, refund=refund))  # type: ignore[arg-type]
    decision = limiter.admit(0.0, 1000)

    limiter.settle(1.0, decision.entry, billed=10)

    assert limiter.state(1.0).remaining_tokens == remaining


@given(st.sampled_from(["rolling", "fixed"]), st.floats(0, 200), st.integers(0, 2000))
def test_a_refund_never_gives_more_than_the_limit(window: str, later: float, billed: int) -> None:
    limiter = Limiter(Limits(tpm=1000, rpm=600, token_window=window, refund=True))  # type: ignore[arg-type]
    decision = limiter.admit(0.0, 900)

    limiter.settle(later, decision.entry, billed)

    assert limiter.state(later).remaining_tokens <= 1000


def test_without_enforcement_everything_passes_and_is_counted() -> None:
    limiter = Limiter(Limits(tpm=100, rpm=6, enforced=False))

    decisions = [limiter.admit(0.0, 80) for _ in range(3)]

    assert [decision.exceeded for decision in decisions] == [None, None, None]
    assert decisions[-1].remaining_tokens == decisions[-1].remaining_requests == 0


def test_changed_limits_keep_what_was_counted() -> None:
    limiter = Limiter(Limits(tpm=1000, rpm=600))
    limiter.admit(0.0, 800)

    limiter.change(replace(limiter.limits, tpm=900))

    assert limiter.state(1.0).remaining_tokens == 100
    limiter.reset()
    assert limiter.state(1.0).remaining_tokens == 900


@pytest.mark.parametrize(
    ("limits", "arguments", "charge"),
    [
        (Limits(1, 1), (100, 50), 150),
        (Limits(1, 1), (100, 50, 3), 250),
        (Limits(1, 1), (100, None), 100 + DEFAULT_MAX_TOKENS),
        (Limits(1, 1), (100, 0), 100),
        (Limits(1, 1, charge_factor=1.1), (100, 1), 112),
    ],
)
def test_charge(limits: Limits, arguments: tuple[int, ...], charge: int) -> None:
    assert limits.charge(*arguments) == charge


@pytest.mark.parametrize(
    ("model", "tpm", "rpm"), [("gpt-4o", 100_000, 600), ("o1-mini", 60_000, 10), ("gpt-4o", 50, 1)]
)
def test_requests_follow_from_tokens(model: str, tpm: int, rpm: int) -> None:
    assert default_rpm(model, tpm) == rpm
