"""Fair queueing: everybody's share, whatever the others send."""

import json
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.messages import Priority
from shared.quota.fair_queue import MAX_APPS_KEPT, FairQueue, PendingJob, Queue

HIGH, NORMAL, LOW = Priority


class Backlog:
    """Jobs by app and priority, served in cycles whose state goes through JSON, as the pump's does."""

    def __init__(self, weights: dict[str, float] | None = None, heads: int = 50) -> None:
        self.queues: dict[tuple[str, Priority], deque[PendingJob]] = {}
        self.weights = weights
        self.heads = heads
        self.state: str = "{}"
        self.served: list[PendingJob] = []

    def add(self, app: str, tokens: int, priority: Priority = NORMAL) -> None:
        queue = self.queues.setdefault((app, priority), deque())
        queue.append(PendingJob(f"{app}/{len(queue)}", tokens, app, priority))

    def cycle(self, most: int, room: int) -> list[PendingJob]:
        """Order up to `most` jobs and book the first of them, up to `room` tokens."""
        fair = FairQueue(json.loads(self.state), self.weights)
        heads = [Queue(list(queue)[: self.heads], len(queue) > self.heads) for queue in self.queues.values() if queue]
        booked: list[PendingJob] = []
        for job in fair.order(heads, most, 10**12):
            room -= job.tokens
            if room < 0 and booked:
                break
            booked.append(job)
        for job in booked:
            head = self.queues[job.app, job.priority].popleft()
            assert head is job, "within an app and priority the order is kept"
        fair.booked(booked, [key for key, queue in self.queues.items() if queue])
        self.state = json.dumps(fair.as_dict())
        self.served += booked
        return booked


def _tokens(jobs: list[PendingJob], app: str, priority: Priority | None = None) -> int:
    return sum(job.tokens for job in jobs if job.app == app and priority in (None, job.priority))


sizes = st.lists(st.integers(1, 5000), min_size=1, max_size=60)


@settings(deadline=None)
@given(
    a=sizes,
    b=sizes,
    weight=st.sampled_from([0.5, 1.0, 3.0]),
    heads=st.sampled_from([1, 2, 10, 100]),
    cycles=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 20_000)), min_size=1, max_size=30),
)
def test_two_busy_apps_never_differ_by_more_than_a_job_of_each(
    a: list[int], b: list[int], weight: float, heads: int, cycles: list[tuple[int, int]]
) -> None:
    backlog = Backlog({"a": weight}, heads)
    for app, amounts in (("a", a), ("b", b)):
        for tokens in amounts:
            backlog.add(app, tokens)
    apart = max(a) / weight + max(b) + len(cycles)  # tags are rounded to a tenth
    before = 0.0
    for most, room in cycles:
        if not all(backlog.queues.values()):
            break
        backlog.cycle(most, room)
        if all(backlog.queues.values()):
            ahead = _tokens(backlog.served, "a") / weight - _tokens(backlog.served, "b")
            assert abs(ahead - before) <= apart


@given(
    jobs=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(list(Priority)), st.integers(1, 999))),
    heads=st.sampled_from([1, 3, 100]),
)
def test_everything_is_served_while_there_is_room(jobs: list[tuple[str, Priority, int]], heads: int) -> None:
    backlog = Backlog(heads=heads)
    for app, priority, tokens in jobs:
        backlog.add(app, tokens, priority)
    while any(backlog.queues.values()):
        assert backlog.cycle(10, 10**9), "something waits, and nothing is given"
    assert len(backlog.served) == len(jobs)
    assert backlog.state == "{}"


@given(many=st.integers(5, 40), tokens=st.integers(50, 2000), heads=st.sampled_from([1, 5, 100]))
@settings(deadline=None, max_examples=40)
def test_low_priority_keeps_its_share(many: int, tokens: int, heads: int) -> None:
    backlog = Backlog(heads=heads)
    for _ in range(900):
        backlog.add("a", tokens, HIGH)
        backlog.add("a", tokens, NORMAL)
    for _ in range(60):
        backlog.add("a", tokens, LOW)
    while len(backlog.served) < 630:
        backlog.cycle(many, 10**9)
    served = backlog.served[:630]
    assert [_tokens(served, "a", p) / tokens for p in Priority] == pytest.approx([480, 120, 30], abs=3)


def test_a_high_job_passes_what_waits_in_its_app_and_nobody_elses() -> None:
    backlog = Backlog()
    for _ in range(100):
        backlog.add("a", 100)
        backlog.add("b", 100)
    backlog.cycle(20, 10**9)
    backlog.add("a", 100, HIGH)
    served = backlog.cycle(10, 10**9)
    assert next(job.priority for job in served if job.app == "a") is HIGH
    assert _tokens(served, "b") == 500


def test_an_app_that_comes_late_is_served_at_once_and_gets_no_credit_for_its_absence() -> None:
    backlog = Backlog()
    for _ in range(500):
        backlog.add("busy", 100)
    for _ in range(10):
        backlog.cycle(30, 10**9)
    for _ in range(100):
        backlog.add("late", 100)
    served = backlog.cycle(20, 10**9)
    assert served[0].app == "late" or served[1].app == "late"
    assert _tokens(served, "late") == pytest.approx(1000, abs=100)


def test_a_job_too_large_for_now_keeps_its_turn() -> None:
    backlog = Backlog()
    backlog.add("large", 60_000)
    for _ in range(50):
        backlog.add("small", 100)
    fair = FairQueue()
    heads = [Queue(list(queue)) for queue in backlog.queues.values()]
    ordered = fair.order(heads, 100, 10**9)
    fair.booked([job for job in ordered if job.app == "small"][:30], [("large", NORMAL), ("small", NORMAL)])
    assert FairQueue(fair.as_dict()).order(heads, 1, 10**9)[0].app == "large"


def test_weights() -> None:
    backlog = Backlog({"a": 3}, heads=100)
    for _ in range(100):
        backlog.add("a", 10)
        backlog.add("b", 10)
    served = backlog.cycle(80, 10**9)
    assert _tokens(served, "a") == 600


def test_order_stops_at_the_turn_of_a_job_that_was_not_read() -> None:
    a = [PendingJob(f"a{number}", 100, "a") for number in range(2)]
    b = [PendingJob(f"b{number}", 100, "b") for number in range(50)]
    ordered = FairQueue().order([Queue(a, more=True), Queue(b, more=True)], 100, 10**9)
    assert [job.id for job in ordered] == ["a0", "b0", "a1", "b1"]
    assert len(FairQueue().order([Queue(a), Queue(b)], 100, 10**9)) == 52


def test_limits_of_one_round() -> None:
    jobs = [PendingJob(str(number), 100) for number in range(50)]
    assert len(FairQueue().order([Queue(jobs)], 7, 10**9)) == 7
    assert len(FairQueue().order([Queue(jobs)], 100, 250)) == 3
    assert FairQueue().order([], 7, 10**9) == []


def test_the_state_stays_small_whatever_apps_there_are() -> None:
    fair = FairQueue()
    jobs = [PendingJob(str(n), 123_456, f"{n:x}" * 300, list(Priority)[n % 3]) for n in range(2 * MAX_APPS_KEPT)]
    fair.booked(jobs, [(job.app, job.priority) for job in jobs] + [("idle", NORMAL)])
    state = fair.as_dict()
    assert len(state) == MAX_APPS_KEPT
    assert len(json.dumps(json.dumps(state))) < 18_000


@pytest.mark.parametrize("state", [None, {}, {"a": 3}, {"a": [1, 2]}, {"a": ["x", 0, 0, 0]}])
def test_an_unreadable_state_starts_anew(state: dict[str, object] | None) -> None:
    assert FairQueue(state).order([Queue([PendingJob("1", 10, "a")])], 5, 100)[0].id == "1"
