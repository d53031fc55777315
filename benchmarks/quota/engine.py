"""Runs an algorithm in a scenario."""

import asyncio

from benchmarks.quota.algorithm import Algorithm
from benchmarks.quota.measures import Measures, measure
from benchmarks.quota.scenario import Scenario
from benchmarks.quota.timeline import Timeline
from benchmarks.quota.virtual_loop import LoopClock, run_virtual
from benchmarks.quota.workload import make_jobs
from benchmarks.quota.world import World

# A run is cut off after so many times the minutes of quota that it asks for: the slowest algorithms need three.
_PATIENCE = 8
_PATIENCE_S = 600.0


def simulate(algorithm: type[Algorithm], scenario: Scenario) -> Measures:
    """Run the scenario's jobs through an algorithm and judge it. The same arguments give the same result."""
    until_s = scenario.minutes * 60 * _PATIENCE + _PATIENCE_S
    if algorithm.engine == "asyncio":
        return run_virtual(_simulate_in_loop(algorithm, scenario, until_s))
    timeline = Timeline()
    world = World.build(scenario, timeline, make_jobs(scenario))
    _schedule_arrivals(world, algorithm(world))
    timeline.run(until_s)
    return measure(world)


async def _simulate_in_loop(algorithm: type[Algorithm], scenario: Scenario, until_s: float) -> Measures:
    clock = LoopClock(asyncio.get_running_loop())
    world = World.build(scenario, clock, make_jobs(scenario))
    _schedule_arrivals(world, algorithm(world))
    await clock.run(until_s)
    return measure(world)


def _schedule_arrivals(world: World, algorithm: Algorithm) -> None:
    for job in world.jobs:
        world.clock.at(job.arrival_s, algorithm.arrive, job)
