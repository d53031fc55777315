"""The token counter as the first design had it: one counter a minute, and callers that wait for its reset.

A caller locks its estimate before the call. Where the minute has no room left, it asks for the status and sleeps until
the reset that the status names; a 429 releases the lock and is treated likewise. After the call it reports what the
call really used, which replaces the lock. Requests are counted the same way.
"""

import asyncio
import math
from collections.abc import Callable
from functools import partial

from benchmarks.quota.callers import Callers, replied
from benchmarks.quota.endpoint import Answer
from benchmarks.quota.timeline import Clock
from benchmarks.quota.workload import Job
from benchmarks.quota.world import Instance, World
from local.model.limits import MINUTE_S


class FixedMinuteCounter:
    """Tokens and requests of the current minute."""

    def __init__(self, clock: Clock, tpm: int, rpm: int) -> None:
        self._clock = clock
        self._tpm = tpm
        self._rpm = rpm
        self._minute = 0
        self._tokens = 0
        self._requests = 0

    def lock(self, tokens: int) -> int | None:
        """Take tokens and one request out of the current minute.

        Returns:
            The minute, or None where it has no room.
        """
        self._turn()
        if self._tokens + tokens > self._tpm or self._requests >= self._rpm:
            return None
        self._tokens += tokens
        self._requests += 1
        return self._minute

    def report(self, minute: int, locked: int, used: int) -> None:
        """Replace what was locked in a minute by what was used; too late once the minute is over."""
        self._turn()
        if minute == self._minute:
            self._tokens += used - locked

    def release(self, minute: int, locked: int) -> None:
        """Give a lock back that wasn't used."""
        self._turn()
        if minute == self._minute:
            self._tokens -= locked
            self._requests -= 1

    def reset_s(self) -> float:
        """When the current minute ends."""
        self._turn()
        return (self._minute + 1) * MINUTE_S

    def _turn(self) -> None:
        minute = math.floor(self._clock.now_s / MINUTE_S)
        if minute != self._minute:
            self._minute, self._tokens, self._requests = minute, 0, 0


class MinuteCounter(Callers):
    """The algorithm. Each operation on the counter is one of the entity; reports and releases are not waited for."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        limits = world.scenario.limits
        self._counter = FixedMinuteCounter(world.clock, limits.tpm, limits.rpm)

    async def call(self, job: Job, instance: Instance) -> None:
        del instance
        while not await self._try(job):
            reset_s = await self._operation(self._counter.reset_s)
            await asyncio.sleep(reset_s - self.world.clock.now_s)

    async def _try(self, job: Job) -> bool:
        """Whether the job's call was answered."""
        minute = await self._operation(partial(self._counter.lock, job.tokens))
        if minute is None:
            return False
        answer: Answer = await replied(self.world.endpoint.post, job)
        if answer.admitted:
            used = job.prompt_tokens + job.output_tokens
            self.world.entity.call(partial(self._counter.report, minute, job.tokens, used))
        else:
            self.world.entity.call(partial(self._counter.release, minute, job.tokens))
        return answer.admitted

    async def _operation[T](self, operation: Callable[[], T]) -> T:
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.world.entity.call(operation, result.set_result)
        return await result
