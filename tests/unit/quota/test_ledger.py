"""The ledger's promises: no window is ever exceeded, whatever is booked, given back or settled in whatever order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.quota.booking import Booking
from shared.quota.ledger import Ledger
from shared.quota.ledger_state import LedgerState
from shared.quota.limits import MIN_GUARD_S, Limits
from tests.unit.quota.world import START_S, World, drive, fates, limits, most_in_any_window, steps

UNPACED = Limits(tpm=6000, rpm=600, pace=0)


def _ledger(limits: Limits = UNPACED, now_s: float = START_S) -> Ledger:
    return Ledger.new(limits, now_s)


def _starts(bookings: list[Booking | None]) -> list[float | None]:
    return [None if booking is None else booking.start_s - START_S for booking in bookings]


@settings(max_examples=300, deadline=None)
@given(limits=limits, steps=steps, fates=fates)
def test_no_window_is_ever_exceeded(
    limits: Limits, steps: list[tuple[float, str, list[float]]], fates: list[tuple[float, float, bool]]
) -> None:
    world = World(limits)
    drive(world, steps, fates)
    tokens, _ = most_in_any_window(world.arrivals(), 60)
    _, calls = most_in_any_window(world.arrivals(), limits.request_window_length_s)
    assert tokens <= limits.tpm
    assert calls <= limits.requests_per_window


@settings(max_examples=100, deadline=None)
@given(before=limits, after=limits, first=steps, second=steps, fates=fates)
def test_new_bookings_keep_to_new_limits(
    before: Limits,
    after: Limits,
    first: list[tuple[float, str, list[float]]],
    second: list[tuple[float, str, list[float]]],
    fates: list[tuple[float, float, bool]],
) -> None:
    world = World(before)
    drive(world, first, fates)
    old = len(world.calls)
    world.ledger.configure(after)
    world.limits = after
    drive(world, second, fates)
    most = _exceeded_by_new(world, old, 60, after.tpm, tokens=True)
    assert most is None, "a new booking joined a window of the new size that was full"
    assert _exceeded_by_new(world, old, after.request_window_length_s, after.requests_per_window) is None


def _exceeded_by_new(
    world: World, old: int, length_s: float, limit: int, *, tokens: bool = False
) -> tuple[float, int] | None:
    """A window above the limit that holds a call booked under the new limits: its end and what it holds."""
    calls = sorted(
        (call.arrived_s, call.booking.tokens if tokens else 1, number >= old)
        for number, call in enumerate(world.calls)
        if not call.lost
    )
    for end_s, _, _ in calls:
        window = [(amount, new) for at_s, amount, new in calls if end_s - length_s + 1e-6 < at_s <= end_s]
        if any(new for _, new in window) and sum(amount for amount, _ in window) > limit:
            return end_s, sum(amount for amount, _ in window)
    return None


@pytest.mark.parametrize("at_s", [0.0, 0.1, 0.24])
def test_a_lock_in_the_midst_of_a_slot_is_sent_within_the_tolerance(at_s: float) -> None:
    limits = Limits(tpm=6000, rpm=600, guard_s=MIN_GUARD_S)
    booking = _ledger(limits, START_S + at_s).lock(1)
    assert booking is not None
    assert START_S + at_s <= booking.start_s + limits.tolerance_s


def test_starts_are_as_early_as_the_windows_allow() -> None:
    ledger = _ledger()
    assert _starts(ledger.book([3000, 2000, 1000, 1])) == [0, 0, 0, None]
    # When they have left the window: 60 s and the guard, in whole slots.
    assert ledger.next_free_s(1) == START_S + 62.25


def test_small_bookings_use_the_gap_that_waits_for_a_large_one() -> None:
    ledger = _ledger()
    assert _starts(ledger.book([3000])) == [0]
    assert _starts(ledger.book([5000, 1500, 1500, 1])) == [None, 0, 0, None]


def test_a_reserved_booking_goes_first_and_beyond_the_horizon() -> None:
    ledger = _ledger(Limits(tpm=6000, rpm=600, pace=1.2))
    assert _starts(ledger.book([1000])) == [0]
    assert _starts(ledger.book([500, 5500], reserved=1)) == [0, 62.25]
    ledger = Ledger(ledger.state, START_S + 5)
    assert _starts(ledger.book([600, 300])) == [None, 5], "what would still count then has to leave room"


def test_a_large_booking_is_passed_over_until_it_is_reserved() -> None:
    ledger = _ledger()
    for second in range(0, 100, 5):
        ledger = Ledger(ledger.state, START_S + second)
        assert ledger.book([100] * 60 + [5000])[-1] is None
    large = ledger.book([5000, *[100] * 60], reserved=0)[0]
    assert large is not None
    assert large.start_s <= ledger.now_s + 77


def test_pace_leaves_room_for_those_who_come_later() -> None:
    ledger = _ledger(Limits(tpm=6000, rpm=600, pace=1.2))
    starts = _starts(ledger.book([100] * 60, horizon_s=13))
    assert starts == [0] * 18 + [None] * 42  # 1.2 * 6000 * 15/60 tokens
    ledger = Ledger(ledger.state, START_S + 13)
    assert _starts(ledger.book([100] * 60))[:19] == [15.0] * 18 + [None]


def test_what_exceeds_the_pace_alone_starts_when_nothing_else_is_in_it() -> None:
    ledger = _ledger(Limits(tpm=6000, rpm=600, pace=1.2))
    ledger.book([100])
    assert _starts(ledger.book([3000, 100])) == [None, 0]
    ledger = Ledger(ledger.state, START_S + 5)
    assert _starts(ledger.book([3000, 100])) == [15.0, None]


def test_requests_are_limited_too() -> None:
    ledger = _ledger(Limits(tpm=1_000_000, rpm=60, pace=0))
    assert _starts(ledger.book([1] * 20)) == [0.0] * 10 + [12.25] * 10
    ledger = _ledger(Limits(tpm=1_000_000, rpm=2, request_window_s=1, pace=0))
    assert _starts(ledger.book([1, 1])) == [0, None]
    assert ledger.next_free_s() == START_S + 32.25  # a window of 1 s would hold a thirtieth of a request


def test_settling_gives_the_tolerance_back() -> None:
    ledger = _ledger()
    booking = ledger.book([6000])[0]
    assert booking is not None
    ledger = Ledger(ledger.state, START_S + 10)
    assert ledger.next_free_s(1) == START_S + 62.25
    ledger.settle(booking, START_S + 0.3)
    assert ledger.next_free_s(1) == START_S + 60.5
    assert ledger.used() == 6000


@pytest.mark.parametrize("sent_s", [-1000.0, -2.0, 11.5, 1e9])
def test_impossible_sending_times_change_nothing(sent_s: float) -> None:
    ledger = _ledger()
    booking = ledger.book([6000])[0]
    assert booking is not None
    ledger = Ledger(ledger.state, START_S + 10)
    ledger.settle(booking, START_S + sent_s)
    assert ledger.next_free_s(1) == START_S + 62.25


def test_releasing_makes_room_once() -> None:
    ledger = _ledger()
    booking = ledger.book([6000])[0]
    assert booking is not None
    assert ledger.release(booking)
    assert not ledger.release(booking)
    assert _starts(ledger.book([6000])) == [0]


def test_a_lock_starts_now_or_not_at_all() -> None:
    ledger = _ledger(now_s=START_S + 0.1)
    assert ledger.lock(4000) == Booking(START_S, 4000, 0)
    assert ledger.lock(4000) is None
    assert ledger.next_free_s(4000, paced=False) == START_S + 62.25
    assert ledger.lock(2000) is not None


def test_bookings_expire_by_time() -> None:
    ledger = _ledger()
    ledger.book([6000])
    ledger = Ledger(ledger.state, START_S + 62.25)
    assert _starts(ledger.book([6000])) == [62.25]
    ledger = Ledger(ledger.state, START_S + 300)
    assert ledger.used() == ledger.booked_ahead() == 0


@given(back_s=st.floats(0, 100))
def test_time_may_jump_back(back_s: float) -> None:
    ledger = _ledger()
    ledger.book([6000])
    ledger = Ledger(ledger.state, START_S - back_s)
    assert ledger.now_s == START_S
    assert ledger.next_free_s(1) == START_S + 62.25


def test_after_a_long_jump_back_the_quota_counts_as_used() -> None:
    ledger = _ledger(now_s=START_S + 86_400)
    booking = ledger.book([6000])[0]
    assert booking is not None
    ledger = Ledger(ledger.state, START_S)
    assert ledger.now_s == START_S
    assert ledger.lock(1) is None
    assert START_S + 60 <= ledger.next_free_s(1) <= START_S + 63
    assert ledger.freeze.epoch > booking.epoch
    assert not ledger.release(booking)


def test_limits_change_while_running() -> None:
    ledger = _ledger()
    ledger.book([3000])
    ledger.configure(Limits(tpm=12_000, rpm=600, pace=0))
    assert _starts(ledger.book([9000])) == [0]
    ledger.configure(Limits(tpm=6_000, rpm=600, pace=0))
    assert ledger.lock(1) is None
    assert ledger.next_free_s(6000) == START_S + 62.25


def test_a_smaller_guard_waits_for_the_bookings_of_the_larger_one() -> None:
    ledger = _ledger()
    ledger.book([6000])
    ledger.configure(Limits(tpm=6000, rpm=600, guard_s=0.5, pace=0))
    assert ledger.next_free_s(1) == START_S + 62.25
    later = START_S + 200
    ledger = Ledger(ledger.state, later)
    ledger.book([6000])
    assert ledger.next_free_s(1) == later + 60.5


@given(limits=limits, steps=steps, fates=fates)
@settings(max_examples=50, deadline=None)
def test_the_state_survives_json(
    limits: Limits, steps: list[tuple[float, str, list[float]]], fates: list[tuple[float, float, bool]]
) -> None:
    world = World(limits)
    drive(world, steps, fates)
    read = Ledger(LedgerState.from_dict(world.ledger.state.as_dict()), world.now_s + 1)
    world.step(1)
    amounts = [1, limits.tpm // 2, limits.tpm]
    assert read.book(amounts) == world.ledger.book(amounts)


def test_cost_of_a_booking_does_not_grow_with_those_that_live() -> None:
    costs = []
    for tpm in (10_000, 300_000, 30_000_000):
        ledger = _ledger(Limits(tpm=tpm, rpm=10_000_000))
        made = 0
        for second in range(0, 120, 5):
            ledger = Ledger(ledger.state, START_S + second)
            before = ledger.visits
            booked = sum(booking is not None for booking in ledger.book([1000] * 1000))
            made += booked
        costs.append((ledger.visits - before) / max(1, booked))
        assert made >= min(tpm // 1000, 20_000)
    # Each search looks at each slot of its three windows once at most.
    assert max(costs) <= 3 * (249 + 4 * 15)
