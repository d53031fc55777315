"""The timer listener, against a storage in memory."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from local.host.contracts import Function, FunctionFailedError, Invocation, InvocationResult, WorkerLostError
from local.host.schedule import IntervalSchedule
from local.host.timer import TimerListener, _delays
from local.host.timer_status import TimerStatus

FAST = "00:00:00.05"


class RecordingInvoker:
    """Keeps what it was asked to run; does it by `work`."""

    def __init__(self, work: Callable[[int], Any] = lambda _: None) -> None:
        self.infos: list[dict[str, Any]] = []
        self.retries: list[tuple[int, int]] = []
        self.at_once = self.most_at_once = self.finished = 0
        self.begun = asyncio.Event()
        self._work = work
        self._ran = asyncio.Condition()

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        self.infos.append(json.loads(invocation.inputs["timer"].value))
        self.retries.append((invocation.retry_count, invocation.max_retry_count))
        self.begun.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            result = self._work(len(self.infos))
            if asyncio.iscoroutine(result):
                await result
        finally:
            self.at_once -= 1
            self.finished += 1
            async with self._ran:
                self._ran.notify_all()
        return InvocationResult(None, {})

    async def ran(self, times: int) -> None:
        async with asyncio.timeout(10), self._ran:
            await self._ran.wait_for(lambda: self.finished >= times)


class FakeLock:
    """A lease that is free, until `lose()`."""

    def __init__(self) -> None:
        self.held = False
        self.times = 0
        self._lost = asyncio.Event()

    async def acquire(self) -> None:
        self.held = True
        self.times += 1

    async def keep(self) -> None:
        self._lost.clear()
        await self._lost.wait()

    def lose(self) -> None:
        self._lost.set()

    async def release(self) -> None:
        self.held = False


class FakeStore:
    def __init__(self, status: TimerStatus | None = None) -> None:
        self.status = status
        self.saved: list[TimerStatus] = []

    async def load(self) -> TimerStatus | None:
        return self.status

    async def save(self, status: TimerStatus) -> None:
        self.status = status
        self.saved.append(status)


class FakeStorage:
    closed = False

    async def close(self) -> None:
        self.closed = True


def listener(
    invoker: RecordingInvoker,
    every: str,
    *,
    store: FakeStore | None = None,
    lock: FakeLock | None = None,
    retry: dict[str, Any] | None = None,
    on_startup: bool = False,
) -> TimerListener:
    trigger = {"type": "timerTrigger", "name": "timer", "runOnStartup": on_startup}
    function = Function("tick", "id", trigger, (), (), retry)
    fakes: Any = (FakeStorage(), lock or FakeLock(), store)
    return TimerListener(function, IntervalSchedule(every), invoker, *fakes)


async def end(timer: TimerListener) -> None:
    await timer.stop()
    await asyncio.wait_for(timer.drain(), 10)


async def test_it_runs_on_schedule_and_tells_the_function() -> None:
    invoker, store = RecordingInvoker(), FakeStore()
    timer = listener(invoker, FAST, store=store)
    await timer.start()
    await invoker.ran(3)
    await end(timer)
    assert [info["IsPastDue"] for info in invoker.infos] == [False] * len(invoker.infos)
    assert invoker.infos[0]["Schedule"] == {"AdjustForDST": False}
    # The function sees the time it was due as Next.
    assert [info["ScheduleStatus"]["Next"] for info in invoker.infos[1:]] == [
        status.as_dict()["Next"] for status in store.saved[1 : len(invoker.infos)]
    ]


async def test_without_monitor_there_is_no_status() -> None:
    invoker = RecordingInvoker()
    timer = listener(invoker, FAST)
    await timer.start()
    await invoker.ran(1)
    await end(timer)
    assert invoker.infos[0]["ScheduleStatus"] is None


async def test_a_missed_run_is_made_up_for_once() -> None:
    last = datetime.now(UTC) - timedelta(hours=50)
    invoker, store = RecordingInvoker(), FakeStore(TimerStatus(last, last + timedelta(hours=1), last))
    timer = listener(invoker, "01:00:00", store=store)
    await timer.start()
    await invoker.ran(1)
    await end(timer)
    assert [info["IsPastDue"] for info in invoker.infos] == [True]
    assert store.status is not None
    assert store.status.next > datetime.now(UTC)


async def test_run_on_startup_is_not_past_due() -> None:
    invoker, store = RecordingInvoker(), FakeStore()
    timer = listener(invoker, "01:00:00", store=store, on_startup=True)
    await timer.start()
    await invoker.ran(1)
    await end(timer)
    assert [info["IsPastDue"] for info in invoker.infos] == [False]


@pytest.mark.parametrize("error", [FunctionFailedError("no"), WorkerLostError("gone")])
async def test_errors_do_not_stop_the_schedule(error: Exception) -> None:
    def fail(_: int) -> None:
        raise error

    invoker = RecordingInvoker(fail)
    timer = listener(invoker, FAST)
    await timer.start()
    await invoker.ran(3)
    await end(timer)
    assert set(invoker.retries) == {(0, 0)}


async def test_runs_do_not_overlap_and_late_ones_are_not_piled_up() -> None:
    invoker = RecordingInvoker(lambda _: asyncio.sleep(0.2))
    timer = listener(invoker, FAST)
    await timer.start()
    await invoker.ran(3)
    await end(timer)
    assert invoker.most_at_once == 1
    assert len(invoker.infos) <= 4


async def test_retries_say_which_they_are() -> None:
    def fail_twice(number: int) -> None:
        if number < 3:
            raise FunctionFailedError("no")

    invoker = RecordingInvoker(fail_twice)
    policy = {"strategy": "fixed_delay", "max_retry_count": 5, "delay_s": 0.0}
    timer = listener(invoker, "01:00:00", retry=policy, on_startup=True)
    await timer.start()
    await invoker.ran(3)
    await end(timer)
    assert invoker.retries == [(0, 5), (1, 5), (2, 5)]


async def test_retries_end_after_their_number() -> None:
    def fail(_: int) -> None:
        raise FunctionFailedError("no")

    invoker = RecordingInvoker(fail)
    policy = {"strategy": "fixed_delay", "max_retry_count": 2, "delay_s": 0.0}
    store = FakeStore()
    timer = listener(invoker, "01:00:00", retry=policy, on_startup=True, store=store)
    await timer.start()
    await invoker.ran(3)
    await end(timer)
    assert invoker.retries == [(0, 2), (1, 2), (2, 2)]
    assert len(store.saved) == 2  # at start, and after the last attempt


async def test_stopping_ends_the_wait_for_a_retry_and_lets_a_run_finish() -> None:
    finished = asyncio.Event()

    async def fail_slowly() -> None:
        await asyncio.sleep(0.3)
        finished.set()
        raise FunctionFailedError("no")

    invoker = RecordingInvoker(lambda _: fail_slowly())
    policy = {"strategy": "fixed_delay", "max_retry_count": -1, "delay_s": 60.0}
    lock = FakeLock()
    timer = listener(invoker, "01:00:00", retry=policy, on_startup=True, lock=lock)
    await timer.start()
    await invoker.begun.wait()
    await end(timer)
    assert finished.is_set()
    assert not lock.held


async def test_a_lost_lease_pauses_the_schedule_until_it_is_back() -> None:
    invoker, lock = RecordingInvoker(), FakeLock()
    timer = listener(invoker, "01:00:00", lock=lock, on_startup=True)
    await timer.start()
    await invoker.ran(1)
    lock.lose()
    await invoker.ran(2)  # as after a start
    await end(timer)
    assert lock.times >= 2


async def test_run_by_hand() -> None:
    invoker, store = RecordingInvoker(), FakeStore()
    timer = listener(invoker, "01:00:00", store=store)
    await timer.run_by_hand("ignored")
    assert invoker.infos == [
        {"Schedule": {"AdjustForDST": False}, "ScheduleStatus": None, "IsPastDue": False},
    ]
    await end(timer)


def test_exponential_delays_double_up_to_the_maximum() -> None:
    delays = list(islice(_delays({"strategy": "exponential_backoff", "minimum_s": 1.0, "maximum_s": 10.0}), 8))
    assert delays[0] == 1.0
    assert 1.8 <= delays[1] <= 2.2
    assert 2.6 <= delays[2] <= 3.4
    assert delays[-1] == 10.0
