"""Waking the pump: once for many, again for a pump that is just ending, and never so that a job hangs on it."""

import asyncio
import logging

import pytest

from shared.errors import StorageError
from shared.jobs.pump_row import Wake
from shared.jobs.waker import Waker
from shared.storage.server_clock import ServerClock


class Row:
    """A PumpRow that says what the test wants."""

    def __init__(self, *answers: Wake | Exception) -> None:
        self.answers = list(answers)
        self.looks = 0
        self.open = asyncio.Event()
        self.open.set()

    async def wake(self, now_s: float) -> Wake:
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await self.open.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Starter:
    """A PumpStarter: `busy` is how often it finds that the pump runs already."""

    def __init__(self, busy: int = 0, fails: bool = False) -> None:
        self.busy = busy
        self.fails = fails
        self.done: list[str] = []

    async def start(self) -> bool:
        self._check()
        self.busy -= 1
        self.done.append("start" if self.busy < 0 else "busy")
        return self.busy < 0

    async def tell(self) -> None:
        self._check()
        self.done.append("tell")

    def _check(self) -> None:
        if self.fails:
            raise RuntimeError("The task hub is away.")


def waker(row: Row, slept_s: list[float] | None = None) -> Waker:
    async def touch() -> str:
        return ""

    async def sleep(delay_s: float) -> None:
        (slept_s if slept_s is not None else []).append(delay_s)
        await asyncio.sleep(0)

    return Waker(row, ServerClock(touch), sleep)  # type: ignore[arg-type]


@pytest.mark.parametrize(("said", "done"), [(Wake.NOTHING, []), (Wake.EVENT, ["tell"]), (Wake.START, ["start"])])
async def test_it_does_what_the_row_says(said: Wake, done: list[str]) -> None:
    row, starter = Row(said), Starter()
    await waker(row).wake(starter)
    assert (starter.done, row.looks) == (done, 1)


async def test_calls_that_come_together_share_one_look() -> None:
    row, starter = Row(Wake.NOTHING), Starter()
    one = waker(row)
    await asyncio.gather(*(one.wake(starter) for _ in range(50)))
    assert row.looks == 1


async def test_a_call_that_comes_during_a_look_gets_one_after_it() -> None:
    """The look that is under way may have been before its row was there."""
    row, starter = Row(Wake.NOTHING), Starter()
    row.open.clear()
    one = waker(row)
    first = asyncio.create_task(one.wake(starter))
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(one.wake(starter)) for _ in range(20)]
    await asyncio.sleep(0.01)
    assert row.looks == 1, "one at a time"
    row.open.set()
    await asyncio.gather(first, *later)
    assert row.looks == 2, "one more for all of them"
    await one.wake(starter)
    assert row.looks == 3


async def test_a_caller_that_is_cancelled_takes_nobodys_look_away() -> None:
    row, starter = Row(Wake.EVENT), Starter()
    row.open.clear()
    one = waker(row)
    tasks = [asyncio.create_task(one.wake(starter)) for _ in range(2)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    row.open.set()
    await tasks[1]
    assert starter.done == ["tell"]


@pytest.mark.parametrize("failing", ["row", "starter"])
async def test_errors_never_reach_the_caller(failing: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    row = Row(StorageError("Storage is away."), Wake.START) if failing == "row" else Row(Wake.START)
    starter = Starter(fails=failing == "starter")
    one = waker(row)
    await one.wake(starter)
    assert "pump_not_woken" in caplog.text
    starter.fails = False
    await one.wake(starter)
    assert starter.done == ["start"], "and the next one tries again"


async def test_a_pump_that_is_just_ending_is_started_when_it_has_ended() -> None:
    row, starter, slept_s = Row(Wake.START), Starter(busy=3), list[float]()
    await waker(row, slept_s).wake(starter)
    assert starter.done == ["busy", "busy", "busy", "start"]
    assert len(slept_s) == 3


async def test_a_pump_that_went_on_after_all_is_told() -> None:
    row, starter = Row(Wake.START, Wake.NOTHING), Starter(busy=1)
    await waker(row).wake(starter)
    assert starter.done == ["busy"]


async def test_it_gives_up_on_a_pump_that_is_neither_running_nor_to_be_started(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    starter, slept_s = Starter(busy=1000), list[float]()
    await waker(Row(Wake.START), slept_s).wake(starter)
    assert "pump_not_woken" in caplog.text
    assert 1 <= sum(slept_s) <= 30, "the run or intake that waits here is billed"
