"""Calls start as fast as the workers take them, where the quota would allow far more."""

import heapq
import json
from collections.abc import Callable

import pytest

from shared.quota.admission import Admission
from shared.quota.cycle import Heard, OpenCalls
from shared.quota.fair_queue import PendingJob, Queue
from shared.quota.limits import Limits
from shared.quota.start_rate import StartRate
from shared.quota.token_counter import apply
from tests.unit.quota.world import START_S

LIMITS = Limits(tpm=30_000_000, rpm=180_000).as_dict()
TOKENS = 1000


class Workers:
    """Takes messages in the order in which they are due, one after another: `per_s` of them, thrice as many missed."""

    def __init__(self, per_s: Callable[[float], float]) -> None:
        self.per_s = per_s
        self.free_s = START_S
        self.queue: list[tuple[float, float, float]] = []
        self.started: list[tuple[float, float]] = []
        self.missed: list[tuple[float, float]] = []

    def send(self, due_s: float, start_s: float, tolerance_s: float) -> None:
        heapq.heappush(self.queue, (due_s, start_s, tolerance_s))

    def work(self, until_s: float) -> None:
        while self.queue and max(self.free_s, self.queue[0][0]) < until_s:
            due_s, start_s, tolerance_s = heapq.heappop(self.queue)
            at_s = max(self.free_s, due_s)
            took_s = 1 / self.per_s(at_s - START_S)
            if at_s > start_s + tolerance_s:
                self.missed.append((start_s, at_s))
                self.free_s = at_s + took_s / 3
            else:
                self.started.append((start_s, max(at_s, start_s)))
                self.free_s = max(at_s, start_s) + took_s


def drive(per_s: Callable[[float], float], for_s: float) -> Workers:
    """The pump with a backlog that never ends, and these workers."""
    admission, workers = Admission("gpt-4o", LIMITS), Workers(per_s)
    backlog = [Queue([PendingJob(f"a{number}", TOKENS) for number in range(600)], more=True)]
    state = counter = None
    now_s, told_started, told_missed, open_starts = START_S, 0, 0, []
    while now_s < START_S + for_s:
        workers.work(now_s)
        started, missed = workers.started[told_started:], workers.missed[told_missed:]
        told_started, told_missed = len(workers.started), len(workers.missed)
        for start_s, _ in [*started, *missed]:
            open_starts.remove(start_s)
        open_starts = [start_s for start_s in open_starts if start_s > now_s - 60]
        heard = Heard(
            settled=[(start_s, TOKENS, 0, sent_s) for start_s, sent_s in started],
            released=[(start_s, TOKENS, 0) for start_s, _ in missed],
            missed_s=[missed_s for _, missed_s in missed],
        )
        open_calls = OpenCalls.of(((start_s, 1) for start_s in open_starts), now_s)
        plan = admission.plan(state, backlog, heard, open_calls, now_s)
        answer = None
        if plan.payload is not None:
            counter, answer = apply(counter, "book", json.loads(json.dumps(plan.payload)), now_s + 0.3)
            assert answer["ok"], answer
        end = admission.place(plan, answer, backlog, now_s + 0.6)
        state = json.loads(json.dumps(end.state))
        for placement in end.placements:
            workers.send(placement.due_s or now_s + 0.6, placement.start_s, placement.tolerance_s)
            open_starts.append(placement.start_s)
        assert end.next_s is not None
        now_s = max(now_s + 0.7, end.next_s)
    return workers


def started(workers: Workers, from_s: float, to_s: float) -> int:
    return sum(from_s <= sent_s - START_S < to_s for _, sent_s in workers.started)


@pytest.mark.parametrize(("per_s", "missed"), [(1.0, 0.5), (5.0, 0.15), (20.0, 0.1), (50.0, 0.1), (200.0, 0.1)])
def test_workers_that_are_slower_than_the_quota_are_kept_busy(per_s: float, missed: float) -> None:
    """The quota allows 500 a second."""
    workers = drive(lambda _: per_s, 400)
    assert started(workers, 100, 400) >= 0.85 * 300 * per_s
    late = sum(at_s >= START_S + 100 for _, at_s in workers.missed)
    assert late <= missed * started(workers, 100, 400)


def test_fewer_workers_slow_the_pump_and_more_speed_it_up() -> None:
    workers = drive(lambda at_s: 10 if 150 <= at_s < 300 else 40, 480)
    assert started(workers, 100, 150) >= 0.8 * 50 * 40
    assert started(workers, 200, 300) >= 0.7 * 100 * 10
    assert started(workers, 420, 480) >= 0.8 * 60 * 40


def test_nothing_is_bound_until_something_is_known() -> None:
    rate = StartRate()
    assert rate.most(500, START_S) is None
    assert rate.spread(START_S) == (0.0, 0.0)
    rate.hear({int(START_S): 100}, {int(START_S): 5}, 100, START_S)
    assert rate.per_s is None, "5 % may be late"
    rate.booked(10, START_S, bound=True)
    assert rate.next_s == 0


def test_what_is_late_makes_it_fall_to_what_was_taken() -> None:
    rate = StartRate()
    rate.hear({int(START_S): 20, int(START_S) + 1: 30}, {int(START_S) + 1: 30}, 0, START_S + 2)
    assert rate.per_s == pytest.approx(0.85 * (30 + 30 / 3))
    assert rate.most(0, START_S + 2) == 238  # 7 s of them
    assert rate.most(60, START_S + 2) == 0, "the workers are behind"


def test_starts_follow_each_other_from_cycle_to_cycle() -> None:
    rate = StartRate(per_s=10.0)
    rate.booked(70, START_S, bound=True)
    assert rate.per_s == 16
    assert rate.good_per_s == 10
    assert rate.spread(START_S + 5) == (2.0, 0.0625)
    assert rate.most(0, START_S + 5) == 80


def test_it_grows_only_where_it_binds() -> None:
    rate = StartRate(per_s=10.0)
    rate.booked(70, START_S, bound=False)
    assert rate.per_s == 10


def test_it_grows_slowly_near_what_was_too_much_and_fast_far_beyond() -> None:
    grown = []
    for per_s in (10.0, 60.0, 100.0, 160.0):
        rate = StartRate(per_s=per_s, ceiling_per_s=100.0)
        rate.booked(0, START_S, bound=True)
        grown.append((rate.per_s or 0) / per_s)
    assert grown == pytest.approx([1.6, 1.1, 1.1, 1.6])


def test_it_goes_through_json() -> None:
    rate = StartRate(10.0, 8.0, 20.0, START_S, START_S + 1, START_S + 2)
    assert StartRate.from_list(json.loads(json.dumps(rate.as_list()))) == rate
    assert StartRate.from_list(json.loads(json.dumps(StartRate().as_list()))) == StartRate()
    assert StartRate.from_list(None) == StartRate(), "a state that was stored before there was a rate"
