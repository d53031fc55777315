"""When messages are scheduled, and what runs do with their bookings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.quota.delivery import DEFAULT_LEAD_S, Call, Missed, Ticket, Wait, decide_run, lead_s
from shared.quota.freeze import Freeze
from tests.unit.quota.world import START_S

TICKET = Ticket(START_S, 2.0, epoch=3)


@pytest.mark.parametrize(
    ("freeze", "after_s", "decision"),
    [
        (Freeze(3, 0), -1.5, Wait(1.5)),
        (Freeze(3, 0), -5.5, Missed("early")),
        (Freeze(3, START_S), 0, Call(START_S + 0.06)),
        (Freeze(3, 0), 2.0, Call(START_S + 2.0 + 0.06)),
        (Freeze(3, 0), 2.01, Missed("late")),
        (Freeze(4, 0), -1.0, Missed("void")),
        (Freeze(4, 0), 0.5, Missed("void")),
        (Freeze(3, START_S + 0.01), 0.5, Missed("frozen")),
        (Freeze(0, 0), 0.5, Call(START_S + 0.5 + 0.06)),
    ],
)
def test_runs(freeze: Freeze, after_s: float, decision: object) -> None:
    assert decide_run(TICKET, freeze, START_S + after_s) == decision


@given(now_s=st.floats(START_S - 100, START_S + 100), epoch=st.integers(0, 5), frozen_s=st.floats(-50, 50))
def test_a_call_is_only_made_within_its_booking(now_s: float, epoch: int, frozen_s: float) -> None:
    match decide_run(TICKET, Freeze(epoch, START_S + frozen_s), now_s):
        case Call():
            assert START_S <= now_s <= START_S + 2
            assert epoch <= TICKET.epoch
            assert START_S + frozen_s <= START_S
        case Wait(delay_s):
            assert 0 < delay_s <= 5
            assert now_s + delay_s == pytest.approx(START_S)


@pytest.mark.parametrize(
    ("lateness_s", "lead"),
    [
        ([3.0] * 49, DEFAULT_LEAD_S),
        ([0.1] * 50, 0.1),  # what comes at once needs no lead
        ([0.0] * 150 + [3.0] * 50, 0.56),  # what it would bill bounds it: 3 of 4 jobs would wait all of it
        ([n / 66 for n in range(200)], 1.2),  # uniform from 0 to 3 s
    ],
)
def test_lead(lateness_s: list[float], lead: float) -> None:
    assert lead_s(lateness_s, 2.0) == pytest.approx(lead, abs=0.06)


@given(lateness_s=st.lists(st.floats(0, 5), min_size=50, max_size=200), tolerance_s=st.floats(0.05, 3))
def test_a_lead_never_bills_more_than_half_a_second_on_average(lateness_s: list[float], tolerance_s: float) -> None:
    lead = lead_s(lateness_s, tolerance_s)
    assert lead > 0
    assert sum(max(0.0, lead - late) for late in lateness_s) / len(lateness_s) <= 0.5
