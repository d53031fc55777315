"""The loop in virtual time: what sleeps in it takes none of ours."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from benchmarks.quota.virtual_loop import LoopClock, VirtualTimeLoop, VirtualTimeStuckError, run_virtual


def test_an_hour_of_sleep_takes_no_time_and_shows_as_an_hour() -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        await asyncio.gather(asyncio.sleep(3600), anyio.sleep(1800))
        return begin_s, loop.time()

    real_s = time.perf_counter()
    begin_s, end_s = run_virtual(main())

    assert end_s - begin_s == pytest.approx(3600, abs=1e-3)
    assert time.perf_counter() - real_s < 5


def test_tasks_wake_in_the_order_of_their_time() -> None:
    woken: list[float] = []

    async def sleeper(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        woken.append(delay_s)

    async def main() -> None:
        await asyncio.gather(*[sleeper(delay_s) for delay_s in (30.0, 0.5, 7.0)])

    run_virtual(main())

    assert woken == [0.5, 7.0, 30.0]


def test_time_passes_even_while_nobody_sleeps() -> None:
    """A timer that a rounding error sets to this very moment, again and again, must come to an end."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        while loop.time() <= begin_s:  # noqa: ASYNC110 - nothing but time changes it
            await asyncio.sleep(0)

    run_virtual(asyncio.wait_for(main(), 10))


def test_waiting_for_ever_is_an_error() -> None:
    with pytest.raises(VirtualTimeStuckError):
        run_virtual(asyncio.Event().wait())


def test_work_for_threads_is_done_at_once() -> None:
    async def main() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor() as pool:
            return await loop.run_in_executor(pool, lambda: 42), loop.time()

    result, now_s = run_virtual(main())

    assert result == 42
    assert now_s < 1e-3


def test_who_watches_is_told_of_every_jump() -> None:
    seen: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.on_advance(seen.append)
        await asyncio.sleep(60)

    run_virtual(main())

    assert seen == sorted(seen)
    assert seen[-1] >= 60


def test_the_clock_of_a_loop_ends_by_stop_by_an_error_or_by_time() -> None:
    async def stopped_at(when_s: float, error: Exception | None = None) -> float:
        clock = LoopClock(asyncio.get_running_loop())
        clock.at(when_s, clock.stop, error)
        await clock.run(10)
        return clock.now_s

    assert run_virtual(stopped_at(5)) == pytest.approx(5, abs=1e-3)
    assert run_virtual(stopped_at(50)) == pytest.approx(10, abs=1e-3)
    with pytest.raises(ValueError, match="broken"):
        run_virtual(stopped_at(5, ValueError("broken")))
