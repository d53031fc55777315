"""The peers, run for real on small workloads."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Literal

import pytest

from benchmarks.quota.aiolimiter_split import AiolimiterSplit
from benchmarks.quota.callers import Callers, GaveUpError
from benchmarks.quota.endpoint import Answer, Endpoint
from benchmarks.quota.engine import simulate
from benchmarks.quota.minute_counter import FixedMinuteCounter
from benchmarks.quota.openai_sdk import OpenAISdk
from benchmarks.quota.registry import ALGORITHMS
from benchmarks.quota.scenario import Scenario
from benchmarks.quota.timeline import Timeline
from benchmarks.quota.virtual_loop import LoopClock, run_virtual
from benchmarks.quota.workload import Job
from benchmarks.quota.world import Instance, World

SMALL = Scenario(tpm=30_000, minutes=2, instances=4)
HERE = ["minute-counter", "openai", "aiolimiter"]


@pytest.mark.parametrize("name", HERE)
def test_every_job_is_done_and_a_seed_gives_the_same_again(name: str) -> None:
    algorithm = ALGORITHMS[name].load()
    first = simulate(algorithm, SMALL)

    assert first.unfinished == 0
    assert sum(first.history) == pytest.approx(60_000, rel=0.02)
    assert first == simulate(algorithm, SMALL)
    assert first != simulate(algorithm, replace(SMALL, seed=2))


@pytest.mark.parametrize("name", HERE)
def test_jobs_larger_than_an_instances_share_are_done_too(name: str) -> None:
    measures = simulate(ALGORITHMS[name].load(), Scenario("heavy", tpm=120_000, minutes=2, instances=16))
    assert measures.unfinished == 0


@pytest.mark.parametrize("name", HERE)
def test_nobody_is_rejected_where_there_is_room(name: str) -> None:
    measures = simulate(ALGORITHMS[name].load(), Scenario("half", minutes=1, instances=1))
    assert measures.rejected == 0
    assert measures.wait_p99_s < 2


class FullEndpoint(Endpoint):
    """Rejects every call, and says to come back in 5 s."""

    calls_s: list[float]

    def post(self, job: Job, reply: Callable[[Answer], object]) -> None:
        self.calls_s.append(self._clock.now_s)
        rejected = replace(self._limiter.state(0.0), exceeded="token", retry_after_s=5.0)
        self._clock.at(self._clock.now_s, reply, Answer(rejected, self._clock.now_s))


def test_the_sdk_makes_three_calls_before_it_gives_up() -> None:
    """Its default: two retries, each after as long as the 429 says."""

    async def calls_s() -> list[float]:
        clock = LoopClock(asyncio.get_running_loop())
        job = Job(0, 0.0, 100, 50, 10)
        world = World.build(SMALL, clock, [job])
        world.endpoint = full = FullEndpoint(clock, SMALL.limits, Random(1))
        full.calls_s = []
        with pytest.raises(GaveUpError):
            await OpenAISdk(world).call(job, Instance(0, 0.0, up=True))
        return full.calls_s

    assert run_virtual(calls_s()) == pytest.approx([0, 5, 10], abs=0.01)


def test_aiolimiter_splits_the_quota() -> None:
    """A single job of a whole share empties an instance's bucket; the next waits until it has leaked again."""

    async def started_s() -> list[float]:
        clock = LoopClock(asyncio.get_running_loop())
        scenario = replace(SMALL, instances=3)  # 10,000 tokens a minute each
        jobs = [Job(number, 0.0, 10_000 if number == 0 else 1_000, 0, 10) for number in range(3)]
        world = World.build(scenario, clock, jobs)
        algorithm = AiolimiterSplit(world)
        first, second = Instance(0, 0.0, up=True), Instance(1, 0.0, up=True)
        for job, instance in zip(jobs, (first, first, second), strict=True):
            await algorithm.call(job, instance)
        return [job.sent_s for job in jobs]

    first, second, elsewhere = run_virtual(started_s())
    assert first == pytest.approx(0, abs=0.01)
    assert second == pytest.approx(6, abs=0.5)
    assert elsewhere - second < 2  # another instance has a bucket of its own


def test_a_fixed_minute_counter_counts_a_minute(timeline: Timeline) -> None:
    counter = FixedMinuteCounter(timeline, tpm=1000, rpm=3)
    assert counter.lock(600) == 0
    assert counter.lock(500) is None
    assert counter.reset_s() == 60

    counter.report(0, locked=600, used=300)
    assert counter.lock(700) == 0
    counter.release(0, locked=700)
    assert counter.lock(1) == 0
    assert counter.lock(1) == 0
    assert counter.lock(1) is None  # three requests

    timeline.at(61, lambda: None)
    timeline.run(100)
    counter.report(0, locked=1, used=0)  # too late to matter
    assert counter.lock(1000) == 1
    assert counter.lock(1) is None


class Broken:
    """An algorithm with a bug."""

    engine: Literal["events", "asyncio"] = "events"

    def __init__(self, world: World) -> None: ...

    def arrive(self, job: Job) -> None:
        raise ZeroDivisionError


def test_a_bug_in_an_algorithm_ends_the_run() -> None:
    with pytest.raises(ZeroDivisionError):
        simulate(Broken, SMALL)


def test_a_bug_in_a_run_ends_the_run() -> None:
    class BrokenCall(Callers):
        async def call(self, job: Job, instance: Instance) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        simulate(BrokenCall, SMALL)


class Stuck(Broken):
    """An algorithm that does nothing."""

    def arrive(self, job: Job) -> None: ...


def test_jobs_that_are_never_done_are_unfinished() -> None:
    measures = simulate(Stuck, SMALL)
    assert measures.unfinished == measures.jobs > 0
    assert measures.history == []
