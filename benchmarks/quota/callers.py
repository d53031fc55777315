"""How the algorithms work that wait inside the function: each run holds its place until its call is answered."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

from benchmarks.quota.workload import Job
from benchmarks.quota.world import Instance, World


class GaveUpError(Exception):
    """The caller gives up: the run fails, and Service Bus delivers the message again."""


class Callers(ABC):
    """A Service Bus function that makes a job's call when it gets the job's message.

    A subclass says in `call` how.
    """

    engine: Literal["events", "asyncio"] = "asyncio"

    def __init__(self, world: World) -> None:
        self.world = world
        self._fleet = world.fleet(self._begin)
        self._tasks: set[asyncio.Task[None]] = set()

    def arrive(self, job: Job) -> None:
        self._fleet.send(job)

    @abstractmethod
    async def call(self, job: Job, instance: Instance) -> None:
        """Get the job's call answered.

        Raises:
            GaveUpError: it wasn't.
        """

    def _begin(self, job: Job, instance: Instance) -> None:
        task = asyncio.get_running_loop().create_task(self._run(job, instance))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.world.clock.stop(error)

    async def _run(self, job: Job, instance: Instance) -> None:
        tally = self.world.tally
        tally.runs += 1
        job.deliveries += 1
        began_s = self.world.clock.now_s
        try:
            await self.call(job, instance)
        except GaveUpError:
            tally.waited_s += self.world.clock.now_s - began_s
            self._fleet.abandon(job, instance)
            return
        tally.waited_s += job.sent_s - began_s
        self._fleet.release(instance)
        self.world.finish()


async def replied[*Ts, T](start: Callable[[*Ts, Callable[[T], object]], object], *args: *Ts) -> T:
    """Await the reply of something that takes a callback for it: `await replied(endpoint.post, job)`."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    start(*args, future.set_result)
    return await future
