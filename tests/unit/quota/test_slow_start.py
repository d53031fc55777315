"""How many bookings may be outstanding while workers come up."""

import json

from shared.quota.slow_start import SlowStart
from tests.unit.quota.world import START_S


def test_after_a_pause_there_is_one_probe() -> None:
    slow = SlowStart()
    assert slow.allowed(0, START_S) == 1
    assert slow.allowed(1, START_S) == 0


def test_then_twice_as_many_as_started() -> None:
    slow = SlowStart()
    slow.hear([START_S], [])
    assert slow.allowed(0, START_S + 1) == 2
    slow.hear([START_S + 1] * 9, [])
    assert slow.allowed(3, START_S + 2) == 17
    assert slow.allowed(99, START_S + 2) == 0


def test_it_ends_with_many_starts() -> None:
    slow = SlowStart()
    slow.hear([START_S + n / 10 for n in range(60)], [])
    assert slow.allowed(500, START_S + 6) is None


def test_it_ends_after_a_while_without_a_miss() -> None:
    slow = SlowStart()
    slow.hear([START_S], [])
    slow.hear([START_S + 38], [START_S + 39])
    assert slow.allowed(0, START_S + 41) == 2
    slow.hear([START_S + 52], [])
    assert slow.allowed(0, START_S + 53) is None


def test_it_begins_again_when_all_is_missed() -> None:
    slow = SlowStart()
    slow.hear([START_S + n / 10 for n in range(60)], [])
    assert slow.allowed(0, START_S + 6) is None
    slow.hear([], [START_S + 15] * 7)
    assert slow.allowed(0, START_S + 17) is None
    slow.hear([], [START_S + 17] * 3)
    assert slow.allowed(0, START_S + 18) == 2


def test_it_does_not_begin_again_while_some_start() -> None:
    slow = SlowStart()
    slow.hear([START_S + n / 10 for n in range(60)], [])
    assert slow.allowed(0, START_S + 6) is None
    slow.hear([START_S + 17], [START_S + 17] * 100)
    assert slow.allowed(0, START_S + 18) is None


def test_what_is_long_past_is_forgotten_through_json() -> None:
    slow = SlowStart()
    slow.hear([START_S] * 100, [START_S])
    slow = SlowStart.from_list(json.loads(json.dumps(slow.as_list())))
    assert slow.allowed(0, START_S + 1) is None
    assert slow.allowed(0, START_S + 300) == 1
    assert (slow.starts, slow.misses) == ({}, {})
