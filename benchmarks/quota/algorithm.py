"""What the benchmark asks of an algorithm."""

from typing import Literal, Protocol

from benchmarks.quota.workload import Job
from benchmarks.quota.world import World


class Algorithm(Protocol):
    """Made once a run as `cls(world)`, at time 0, before any job arrives.

    Whatever it does happens in virtual time: by `world.clock.at`, or, with the asyncio engine, in tasks of the running
    loop. Each job must end by exactly one `world.finish()`, after its call was answered.

    Attributes:
        engine: "events" runs it on a Timeline, which is fast; "asyncio" in a virtual-time loop.
    """

    engine: Literal["events", "asyncio"]

    def __init__(self, world: World) -> None: ...

    def arrive(self, job: Job) -> None:
        """A job was put on the app's in queue."""
