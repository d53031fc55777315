"""What a 429 changes."""

import math

import pytest

from shared.quota.freeze import Freeze, freeze_length_s
from shared.quota.ledger import Ledger
from shared.quota.limits import Limits
from tests.unit.quota.world import START_S

LIMITS = Limits(tpm=6000, rpm=600, pace=0)


@pytest.mark.parametrize(
    ("retry_after_s", "length_s"),
    [
        (None, 5),
        (0, 1),
        (-1, 1),
        (0.3, 1),
        (12.5, 12.5),
        (86_400, 60),
        (math.inf, 60),
        (math.nan, 5),
        ("7", 5),
        (True, 5),
    ],
)
def test_whatever_the_endpoint_asks_for_the_freeze_is_sane(retry_after_s: object, length_s: float) -> None:
    assert freeze_length_s(retry_after_s) == length_s


def test_a_worker_and_the_counter_come_to_the_same_freeze() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    ledger.throttled(3, booking_epoch=0)
    assert ledger.freeze == Freeze().after(0, 3, START_S) == Freeze(1, START_S + 3)


def test_nothing_starts_while_frozen() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    ledger.throttled(7)
    assert ledger.lock(1) is None
    assert ledger.next_free_s() == START_S + 7
    booking = ledger.book([1])[0]
    assert booking is not None
    assert (booking.start_s, booking.epoch) == (START_S + 7, 1)


def test_each_429_begins_an_epoch_but_not_those_of_calls_that_were_under_way() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    ledger.throttled(3, booking_epoch=0)
    ledger.throttled(9, booking_epoch=0)
    assert ledger.freeze == Freeze(1, START_S + 9)
    ledger.throttled(3, booking_epoch=1)
    ledger.throttled(3)
    assert ledger.freeze.epoch == 3
    assert ledger.state.freeze.throttles == 4


def test_bookings_of_earlier_epochs_make_room_once() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    early, late = ledger.book([5000, 1000], delay_s=2)
    assert early is not None
    assert late is not None
    ledger.throttled(1)
    ledger.throttled(2)
    new = ledger.book([6000])[0]
    assert new is not None
    assert new.start_s == START_S + 2, "both bookings are void"
    assert not ledger.release(early)
    assert not ledger.release(late)
    assert ledger.lock(1) is None, "the new booking wasn't given back in their place"
    assert ledger.release(new)


def test_a_booking_that_a_worker_spent_all_the_same_counts() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    booking = ledger.book([6000], delay_s=2)[0]
    assert booking is not None
    ledger.throttled(1)
    ledger = Ledger(ledger.state, START_S + 3)
    ledger.settle(booking, START_S + 2)
    assert ledger.used() == 6000
    assert ledger.lock(1) is None


def test_windows_widen_and_narrow_again() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    waits = []
    for after_s in (0, 1, 1000):
        ledger = Ledger(ledger.state, START_S + after_s)
        if after_s == 1:
            ledger.throttled(1)
            ledger = Ledger(ledger.state, START_S + 2)
        booking = ledger.lock(6000)
        assert booking is not None
        waits.append(ledger.next_free_s(1) - ledger.now_s)
        ledger.release(booking)
    assert waits == [62.25, 62.75, 62.25]


def test_many_429s_stay_bounded() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    first = ledger.book([1], delay_s=13)[0]
    assert first is not None
    for number in range(100):
        Ledger(ledger.state, START_S + number / 10).throttled(1)
    state = ledger.state.freeze
    assert len(state.voids) == 16
    assert state.extra_s(START_S + 10) <= 3
    assert state.throttles == state.freeze.epoch == 100
    assert not ledger.release(first), "dropped in an epoch that is forgotten"


def test_what_is_booked_beyond_lower_limits_is_recalled() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    soon = ledger.book([1000], delay_s=1)[0]
    late = ledger.book([5000], delay_s=5)[0]
    assert soon is not None
    assert late is not None
    assert not ledger.recall(), "nothing has changed"
    ledger.configure(Limits(tpm=3000, rpm=600, pace=0))
    assert ledger.recall()
    assert ledger.freeze == Freeze(1, 0)
    assert not ledger.release(late)
    new = ledger.book([2000])[0]
    assert new is not None
    assert new.start_s == START_S
    assert not ledger.recall(), "the new bookings fit"
    assert ledger.release(soon)


def test_calls_already_sent_are_no_reason_for_a_recall() -> None:
    ledger = Ledger.new(LIMITS, START_S)
    ledger.book([6000])
    ledger = Ledger(ledger.state, START_S + 10)
    ledger.configure(Limits(tpm=3000, rpm=600, pace=0))
    ledger.book([500], reserved=0)
    assert not ledger.recall()
