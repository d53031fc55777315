"""The offset of a worker's clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.quota.clock_offset import ClockOffset
from tests.unit.quota.world import START_S

answers = st.lists(st.tuples(st.floats(0, 30), st.floats(0.001, 0.5), st.floats(0, 1)), min_size=1, max_size=60)


@given(offset_s=st.floats(-3600, 3600), answers=answers, resolution_s=st.sampled_from([0.0, 1.0]))
def test_the_bounds_hold_the_truth_and_get_narrower(
    offset_s: float, answers: list[tuple[float, float, float]], resolution_s: float
) -> None:
    clock, own_s = ClockOffset(), START_S
    for pause_s, trip_s, share in answers:
        sent_s = own_s + pause_s
        own_s = sent_s + trip_s
        true_s = sent_s + share * trip_s + offset_s
        server_s = math.floor(true_s) if resolution_s else true_s
        before = clock.error_s
        clock = clock.heard(sent_s, server_s, own_s, resolution_s)
        assert clock.low_s - 1e-6 <= offset_s <= clock.high_s + 1e-6
        assert clock.error_s <= max(before, trip_s + resolution_s) + 40 * 1e-4
    assert clock.known
    assert clock.error_s <= min(trip_s for _, trip_s, _ in answers) + resolution_s + 0.2


@pytest.mark.parametrize("offset_s", [-5.0, -0.4, 0.0, 0.77, 5.0])
def test_five_answers_in_whole_seconds_tell_the_offset_to_some_hundredths(offset_s: float) -> None:
    clock, own_s = ClockOffset(), START_S
    for _ in range(6):
        own_s = clock.probe_at_s(own_s)
        clock = clock.heard(own_s, math.floor(own_s + 0.01 + offset_s), own_s + 0.02)
        own_s += 0.02
    assert clock.offset_s == pytest.approx(offset_s, abs=0.05)
    assert own_s < START_S + 8


def test_a_clock_that_was_set_starts_anew() -> None:
    clock = ClockOffset().heard(START_S, START_S + 5, START_S + 0.1, resolution_s=0)
    clock = clock.heard(START_S + 60, START_S + 60, START_S + 60.1, resolution_s=0)
    assert clock.offset_s == pytest.approx(-0.05, abs=0.01)


def test_an_answer_that_contradicts_itself_is_left_out() -> None:
    clock = ClockOffset().heard(START_S, START_S + 5, START_S + 0.1)
    assert clock.heard(START_S + 9, START_S + 14, START_S + 7) == clock
    assert not ClockOffset().known
    assert ClockOffset().offset_s == 0
