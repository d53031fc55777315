"""The pump's policy, cycle by cycle: its state and payloads go through JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.messages import Priority
from shared.quota.admission import MAX_HEARD, MAX_JOBS, Admission
from shared.quota.cycle import Heard, OpenCalls, Plan, Round
from shared.quota.fair_queue import PendingJob, Queue
from shared.quota.freeze import Freeze
from shared.quota.limits import Limits
from shared.quota.pump_state import PumpState
from shared.quota.token_counter import apply
from tests.unit.quota.world import START_S

NOTHING = Heard()
NONE_OPEN = OpenCalls()
LIMITS = Limits(tpm=60_000, rpm=3_600).as_dict()


def _queue(count: int, tokens: int = 100, app: str = "a", more: bool = False) -> Queue:
    return Queue([PendingJob(f"{app}{number}", tokens, app) for number in range(count)], more)


class Pump:
    """The orchestration: plan, counter, place."""

    def __init__(self, warm: bool = True) -> None:
        self.now_s = START_S
        self.admission = Admission("gpt-4o", LIMITS, {"vip": 3.0})
        self.counter: Any = None
        self.state: Any = None
        if warm:
            state = PumpState()
            state.slow_start.last_start_s = START_S - 1
            self.state = state.as_dict()

    def plan(self, queues: list[Queue], heard: Heard = NOTHING, open_calls: OpenCalls = NONE_OPEN) -> Plan:
        return self.admission.plan(self.state, queues, heard, open_calls, self.now_s)

    def cycle(
        self, queues: list[Queue], heard: Heard = NOTHING, open_calls: OpenCalls = NONE_OPEN
    ) -> tuple[Plan, Round]:
        plan = self.plan(queues, heard, open_calls)
        answer = None
        if plan.payload is not None:
            payload = json.loads(json.dumps(plan.payload))
            counter, answer = apply(self.counter, "book", payload, self.now_s + 0.3)
            self.counter = json.loads(json.dumps(counter))
        result = self.admission.place(plan, answer, queues, self.now_s + 0.6)
        self.state = json.loads(json.dumps(result.state))
        return plan, result


def test_a_cycle_books_and_schedules() -> None:
    pump = Pump()
    _, result = pump.cycle([_queue(300)])
    assert len(result.placements) == 195  # the pace: 1.3 * 60,000 * 15/60 tokens
    assert {placement.epoch for placement in result.placements} == {0}
    assert all(START_S + 0.3 <= placement.start_s <= START_S + 14.3 for placement in result.placements)
    assert result.placements[0].due_s is None, "due already: sent at once"
    assert result.next_s == START_S + 5
    assert result.freeze == Freeze()


def test_a_far_start_is_scheduled_with_the_lead() -> None:
    pump = Pump()
    pump.cycle([_queue(195)])
    pump.now_s += 9
    _, result = pump.cycle([_queue(1)])
    (placement,) = result.placements
    assert placement.start_s == START_S + 15.5
    assert placement.due_s == placement.start_s - 1.2


@pytest.mark.parametrize(
    ("queues", "after_s"),
    [
        ([], None),
        ([_queue(3)], 1.6),  # all is booked: look again soon, for what came meanwhile
        ([_queue(30, more=True)], 0.65),  # all that was read is booked, and there is more
        ([_queue(300)], 5),
        ([_queue(30, tokens=3_000)], 12),  # few were booked
        ([_queue(2, tokens=99_000)], 1.6),  # these can't ever be
    ],
    ids=["nothing", "all", "more", "many", "few", "oversized"],
)
def test_when_the_next_cycle_is(queues: list[Queue], after_s: float | None) -> None:
    _, result = Pump().cycle(queues)
    assert result.next_s == (None if after_s is None else pytest.approx(START_S + after_s))


def test_a_rate_that_binds_waits_for_the_next_cycle_unless_more_is_left_to_be_heard() -> None:
    settled = [(START_S - 1, 1, 0, START_S - 0.9)] * MAX_HEARD
    for heard, after_s in ((Heard(settled=settled[1:]), 5), (Heard(settled=settled), 0.65)):
        pump = Pump()
        state = PumpState.from_dict(pump.state)
        state.start_rate.begin(2.0, START_S)
        pump.state = state.as_dict()
        plan, result = pump.cycle([_queue(300)], heard)
        assert (len(plan.jobs), plan.bound) == (70, True)
        assert [placement.start_s for placement in result.placements[::10]] == [START_S + 0.5 + n for n in range(7)]
        assert result.next_s == pytest.approx(START_S + after_s)


def test_after_a_pause_one_job_is_a_probe() -> None:
    pump = Pump(warm=False)
    plan, result = pump.cycle([_queue(50)])
    assert [job.id for job in plan.jobs] == ["a0"]
    assert result.next_s == START_S + 3
    plan, result = pump.cycle([_queue(50)], open_calls=OpenCalls(1))
    assert plan.payload is None
    assert result.next_s == START_S + 3


def test_oversized_jobs_are_named() -> None:
    queue = Queue([PendingJob("ok", 100), PendingJob("never", 60_001)])
    _, result = Pump().cycle([queue])
    assert [job.id for job in result.oversized] == ["never"]
    assert [placement.job.id for placement in result.placements] == ["ok"]


def test_the_payload_carries_what_was_heard() -> None:
    now_s = START_S
    heard = Heard(
        settled=[(now_s - 3, 100, 0, now_s - 2.9), (now_s - 90, 100, 0, now_s - 89)],
        released=[(now_s - 3, 100, 0), (now_s - 90, 100, 0)],
        observed=[(now_s - 2.9, 100, 900), (now_s - 2.8, 100, 800), (now_s - 1.2, 100, 850)],
        usage=(3, 200, 100),
    )
    plan = Pump().plan([_queue(1)], heard)
    assert plan.payload == {
        "id": "gpt-4o:0",
        "limits": LIMITS,
        "jobs": [100],
        "reserved": None,
        "delay_s": 0.1,
        "horizon_s": 14.0,
        "settled": [[now_s - 3, 100, 0, now_s - 2.9]],
        "released": [[now_s - 3, 100, 0]],
        "observed": [[now_s - 2.8, 100, 800], [now_s - 1.2, 100, 850]],
        "usage": [3, 200, 100],
    }


def test_released_bookings_alone_are_worth_a_call() -> None:
    pump = Pump()
    assert pump.plan([], Heard(released=[(START_S - 1, 100, 0)])).payload is not None
    assert pump.plan([], Heard(settled=[(START_S - 1, 100, 0, START_S)])).payload is None


def test_each_call_has_an_id_of_its_own_and_an_interrupted_one_its_old() -> None:
    pump = Pump()
    first = pump.plan([_queue(5)]).payload
    again = pump.plan([_queue(5)]).payload
    pump.cycle([_queue(5)])
    later = pump.plan([_queue(5)]).payload
    assert first is not None
    assert again is not None
    assert later is not None
    assert (first["id"], again["id"], later["id"]) == ("gpt-4o:0", "gpt-4o:0", "gpt-4o:1")


def test_an_answer_to_another_plan_is_refused() -> None:
    pump = Pump()
    plan = pump.plan([_queue(5)])
    _, answer = apply(None, "book", plan.payload, START_S)
    with pytest.raises(ValueError, match="5 starts for 4 jobs"):
        pump.admission.place(replace(plan, jobs=plan.jobs[:4]), answer, [_queue(5)], START_S)


def test_an_error_answer_books_nothing_and_goes_on() -> None:
    pump = Pump()
    plan = pump.plan([_queue(5)])
    result = pump.admission.place(plan, {"ok": False, "code": "x", "error": "y"}, [_queue(5)], START_S + 1)
    assert result.placements == []
    assert result.next_s is not None


def test_a_large_job_that_was_passed_over_is_reserved_a_start() -> None:
    pump = Pump()
    small = _queue(300).jobs
    queues = [Queue([*small[:10], PendingJob("large", 50_000, "a"), *small[10:]])]
    reserved = []
    for _ in range(40):
        plan, result = pump.cycle(queues)
        assert plan.payload is not None
        reserved.append(plan.payload["reserved"])
        if any(placement.job.id == "large" for placement in result.placements):
            break
        pump.now_s += 5
    assert reserved[-1] == 10
    assert not any(number is not None for number in reserved[:-1])
    assert 60 <= pump.now_s - START_S <= 75


def test_freezes_are_passed_on() -> None:
    pump = Pump()
    pump.cycle([_queue(5)])
    pump.counter, _ = apply(pump.counter, "throttled", {"id": "t", "retry_after_s": 4}, pump.now_s + 1)
    pump.now_s += 2
    _, result = pump.cycle([_queue(5)])
    assert result.freeze.epoch == 1
    assert all(placement.start_s >= result.freeze.until_s for placement in result.placements)


def test_state_and_payload_stay_small() -> None:
    pump = Pump()
    queues = [_queue(20, 3_000, f"app-with-a-name-{n}", more=True) for n in range(200)]
    settled = [(START_S - n / 100, 60_000, 12, START_S + 0.123) for n in range(2 * MAX_HEARD)]
    heard = Heard(settled, [entry[:3] for entry in settled[:200]], [START_S] * 500, [0.123] * 500)
    plan, result = pump.cycle(queues, heard)
    assert len(plan.jobs) <= MAX_JOBS
    assert len(json.dumps(json.dumps(plan.payload))) < 32_000
    assert len(json.dumps(json.dumps(result.state))) < 24_000


@pytest.mark.parametrize("state", [None, {}, {"version": 0, "cycle": 7}, {"version": 1, "cycle": 7, "fair": 3}])
def test_an_unreadable_state_starts_cold_and_keeps_its_count(state: dict[str, Any] | None) -> None:
    pump = Pump()
    pump.state = state
    plan = pump.plan([_queue(50)])
    assert plan.payload is not None
    assert len(plan.jobs) == 1
    assert plan.payload["id"] == f"gpt-4o:{7 if state and 'cycle' in state else 0}"


def test_priorities_and_weights_decide_the_order() -> None:
    low = Queue([PendingJob(f"low{n}", 100, "a", Priority.LOW) for n in range(30)])
    high = Queue([PendingJob(f"high{n}", 100, "a", Priority.HIGH) for n in range(30)])
    vip = _queue(90, app="vip")
    plan = Pump().plan([low, high, vip])
    first = [job.id for job in plan.jobs[:40]]
    assert sum(name.startswith("vip") for name in first) == pytest.approx(30, abs=1)
    assert sum(name.startswith("low") for name in first) <= 2
