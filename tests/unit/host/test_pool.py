"""Dispatch, replacement and recycling of workers, with workers that are no processes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from local.host import pool as pool_module
from local.host.console import Console
from local.host.contracts import InvocationResult, WorkerLostError
from local.host.errors import HostError
from local.host.pool import WorkerPool, _backoff_s
from local.host.protocol import Kind, Message
from local.host.worker_process import Pending, WorkerProcess

FUNCTIONS = ({"name": "f", "function_id": "1", "raw_bindings": []},)
DONE = InvocationResult(None, {})


class FakeWorker(WorkerProcess):
    """Answers when told to."""

    def __init__(self, on_end: Callable[[WorkerProcess], None], fails: str = "", functions: Any = FUNCTIONS) -> None:
        super().__init__(None, {}, Console(), on_end=on_end)  # type: ignore[arg-type]
        self.fails = fails
        self.indexed = functions
        self.asked: list[str] = []

    async def start(self) -> None:
        self.alive = True
        self.functions = self.indexed
        if self.fails:
            await self.kill("could not start")
            raise HostError(self.fails)

    def send(self, message: Message) -> asyncio.Future[InvocationResult]:
        answer: asyncio.Future[InvocationResult] = asyncio.get_running_loop().create_future()
        self.pending[message[1]] = Pending(answer, asyncio.get_running_loop().time())
        self.asked.append(message[1])
        return answer

    def answer(self, invocation_id: str) -> None:
        self.pending.pop(invocation_id).answer.set_result(DONE)

    async def kill(self, reason: str) -> None:
        self.crash(reason)

    def crash(self, reason: str = "crashed") -> None:
        if self.alive:
            self.end_reason = reason
            self._ready = asyncio.get_running_loop().create_future()
            self._ready.set_result(())
            self._end()


class Fleet:
    """Makes the pool's workers, the next ones as `plan` says."""

    def __init__(self, size: int = 1, timeout_s: float | None = None) -> None:
        self.made: list[FakeWorker] = []
        self.plan: list[dict[str, Any]] = []
        self.pool = WorkerPool(self._make, size, timeout_s, Console())

    def _make(self, on_end: Callable[[WorkerProcess], None]) -> FakeWorker:
        self.made.append(FakeWorker(on_end, **(self.plan.pop(0) if self.plan else {})))
        return self.made[-1]

    def run(self, name: str) -> asyncio.Task[InvocationResult]:
        return asyncio.create_task(self.pool.run((Kind.INVOKE, name, "1", {}, {}, "", 0, 0)))


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_worker_with_the_least_under_way_gets_the_next() -> None:
    fleet = Fleet(size=2)
    await fleet.pool.start()
    runs = [fleet.run(name) for name in "abcd"]
    await turns()
    assert [worker.asked for worker in fleet.made] == [["a", "c"], ["b", "d"]]
    fleet.made[1].answer("b")
    fleet.made[1].answer("d")
    runs += [fleet.run(name) for name in "ef"]
    await turns()
    assert fleet.made[1].asked == ["b", "d", "e", "f"]
    for worker in fleet.made:
        for name in list(worker.pending):
            worker.answer(name)
    assert await asyncio.gather(*runs) == [DONE] * 6
    await fleet.pool.stop()


async def test_what_a_crashed_worker_ran_is_lost_and_what_comes_then_waits_for_the_next() -> None:
    fleet = Fleet()
    await fleet.pool.start()
    lost = fleet.run("lost")
    await turns()
    fleet.made[0].crash()
    later = fleet.run("later")
    await turns()
    with pytest.raises(WorkerLostError, match="crashed"):
        await lost
    fleet.made[1].answer("later")
    assert await later == DONE
    await fleet.pool.stop()


async def test_workers_that_cannot_start_are_tried_again_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def no_wait(delay_s: float) -> None:
        pauses.append(delay_s)
        await sleep(0)

    fleet = Fleet()
    await fleet.pool.start()
    fleet.plan = [{"fails": "broken"}] * 3 + [{"functions": ()}]
    monkeypatch.setattr(pool_module.asyncio, "sleep", no_wait)
    fleet.made[0].crash()
    waiting = fleet.run("waiting")
    while len(fleet.made) < 6 or not fleet.made[5].asked:
        await sleep(0)
    fleet.made[5].answer("waiting")
    assert await waiting == DONE
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0]
    await fleet.pool.stop()


def test_the_backoff_has_a_limit() -> None:
    assert [_backoff_s(n) for n in (1, 2, 3, 7, 8, 9, 10_000)] == [0.0, 0.5, 1.0, 16.0, 30.0, 30.0, 30.0]


async def test_a_function_that_takes_too_long_recycles_its_worker_only() -> None:
    fleet = Fleet(size=2, timeout_s=0.1)
    await fleet.pool.start()
    slow = fleet.run("slow")
    other = fleet.run("other")
    await turns()
    fleet.made[1].answer("other")
    with pytest.raises(WorkerLostError, match="exceeded functionTimeout"):
        await slow
    assert await other == DONE
    await turns()
    assert [worker.alive for worker in fleet.made] == [False, True, True]
    await fleet.pool.stop()


async def test_what_comes_while_a_recycled_worker_is_ending_waits_and_lets_others_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = Fleet(timeout_s=0.01)
    await fleet.pool.start()
    killed, ended = asyncio.Event(), asyncio.Event()

    async def slow_kill(reason: str) -> None:
        killed.set()
        await ended.wait()
        fleet.made[0].crash(reason)

    monkeypatch.setattr(fleet.made[0], "kill", slow_kill)
    first = fleet.run("first")
    await killed.wait()
    second = fleet.run("second")
    await turns()  # would never end if the second didn't wait for something
    assert fleet.made[0].asked == ["first"]
    ended.set()
    with pytest.raises(WorkerLostError):
        await first
    await turns()
    fleet.made[1].answer("second")
    assert await second == DONE
    await fleet.pool.stop()


async def test_an_invocation_whose_caller_left_still_counts() -> None:
    fleet = Fleet(timeout_s=0.1)
    await fleet.pool.start()
    left = fleet.run("left")
    await turns()
    left.cancel()
    await asyncio.sleep(0.2)
    await turns()
    assert [worker.alive for worker in fleet.made] == [False, True]
    await fleet.pool.stop()


async def test_all_workers_must_index_the_same() -> None:
    fleet = Fleet(size=2)
    fleet.plan = [{}, {"functions": ()}]
    with pytest.raises(HostError, match="indexed other functions"):
        await fleet.pool.start()
    assert not any(worker.alive for worker in fleet.made)


async def test_a_stopped_pool_runs_nothing() -> None:
    fleet = Fleet()
    await fleet.pool.start()
    under_way = fleet.run("under way")
    await turns()
    await fleet.pool.stop()
    with pytest.raises(WorkerLostError, match="stopped with the host"):
        await under_way
    with pytest.raises(WorkerLostError, match="the host stops"):
        await fleet.run("late")
