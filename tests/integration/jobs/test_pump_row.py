"""The pump's rows: what it remembers, and that no wake-up is lost, whatever comes in between."""

import types
from collections.abc import Coroutine, Generator
from typing import Any, cast

from azure.data.tables.aio import TableServiceClient
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.jobs.pump_row import STALE_S, Phase, PumpRow, Wake
from tests.support.memory_tables import MemoryTables

NOW_S = 1_790_000_000.0


async def test_state_is_kept(tables: TableServiceClient, deployment: str) -> None:
    row = PumpRow(tables, deployment)
    assert await row.load() is None
    await row.save({"policy": {"x": [1.5, None]}, "outstanding": {"17": 2}})
    assert await PumpRow(tables, deployment).load() == {"policy": {"x": [1.5, None]}, "outstanding": {"17": 2}}
    await row.save({})
    assert await row.load() == {}


async def test_largest_state_fits_the_row(tables: TableServiceClient, deployment: str) -> None:
    row = PumpRow(tables, deployment)
    largest = {"x": "y" * 31_900}
    await row.save(largest)
    assert await row.load() == largest


async def test_who_comes_first_is_told_what_to_do(tables: TableServiceClient, deployment: str) -> None:
    row = PumpRow(tables, deployment)
    assert await row.wake(NOW_S) is Wake.START
    assert await row.wake(NOW_S) is Wake.START, "until it runs, everybody tries"
    await row.running(NOW_S)
    assert await row.wake(NOW_S) is Wake.NOTHING
    assert not await row.rest(Phase.ENDED, NOW_S), "it has been told of work"
    await row.running(NOW_S)
    assert await row.rest(Phase.SLEEPING, NOW_S)
    assert [await row.wake(NOW_S) for _ in range(3)] == [Wake.EVENT, Wake.NOTHING, Wake.NOTHING]
    await row.running(NOW_S)
    assert await row.rest(Phase.ENDED, NOW_S)
    assert await row.wake(NOW_S) is Wake.START
    assert not await row.rest(Phase.ENDED, NOW_S), "done twice, the step looks again"


async def test_a_pump_that_says_nothing_is_taken_for_dead(tables: TableServiceClient, deployment: str) -> None:
    row = PumpRow(tables, deployment)
    await row.running(NOW_S)
    assert await row.wake(NOW_S + STALE_S - 1) is Wake.NOTHING
    # That somebody told it doesn't make it any younger.
    assert await row.wake(NOW_S + STALE_S + 1) is Wake.START


class _World:
    """The pump's row, its orchestration and the calls that wait, each step a turn of its own.

    Attributes:
        waiting: calls that nobody has served yet.
        runs: whether the orchestration runs, if only to end.
        events: that it has buffered.
    """

    def __init__(self) -> None:
        self.row = PumpRow(cast(TableServiceClient, MemoryTables(_pause)), "gpt")
        self.waiting: set[str] = set()
        self.served: list[str] = []
        self.runs = False
        self.sleeps = False
        self.events = 0
        self.spawned: list[Coroutine[Any, Any, None]] = []

    async def pump(self, later: bool, twice: bool) -> None:
        """One life of the orchestration.

        Args:
            later: a call that isn't due yet keeps it from ending.
            twice: its last step crashes after it is done, and is done again.
        """
        while True:
            self.events = 0  # the next generation doesn't get what the last one left
            await self.row.running(NOW_S)
            await _pause()
            found = set(self.waiting)
            await _pause()
            if found:
                self.waiting -= found
                self.served += sorted(found)
                continue
            phase = Phase.SLEEPING if later else Phase.ENDED
            resting = await self.row.rest(phase, NOW_S)
            if twice:
                await _pause()
                resting = await self.row.rest(phase, NOW_S)
            await _pause()  # the orchestration hears of it later
            if not resting:
                continue
            if not later:
                self.runs = False
                return
            self.sleeps = True
            while not self.events:
                await _pause()
            self.sleeps = False

    async def arrive(self, name: str) -> None:
        """Line a call up and wake the pump, as `Waker` does."""
        await _pause()
        self.waiting.add(name)
        await _pause()
        while True:
            match await self.row.wake(NOW_S):
                case Wake.NOTHING:
                    return
                case Wake.EVENT:
                    await _pause()
                    self.events += 1
                    return
                case Wake.START:
                    await _pause()
                    if not self.runs:
                        self.runs = True
                        self.spawned.append(self.pump(later=False, twice=False))
                        return


@types.coroutine
def _pause() -> Generator[None]:
    """Let the test choose who goes on."""
    yield


def _interleave(world: _World, tasks: list[Coroutine[Any, Any, None]], choices: list[int]) -> None:
    """Run steps in the order of the choices, then round and round until nobody can do anything new."""
    for turn in range(len(choices) + 400):
        tasks += world.spawned
        world.spawned.clear()
        if not tasks:
            return
        task = tasks[choices[turn] % len(tasks) if turn < len(choices) else turn % len(tasks)]
        try:
            task.send(None)
        except StopIteration:
            tasks.remove(task)
    for task in tasks:
        task.close()


@settings(max_examples=1500)
@given(
    choices=st.lists(st.integers(0, 5), max_size=80),
    arrivals=st.integers(1, 4),
    runs=st.booleans(),
    later=st.booleans(),
    twice=st.booleans(),
)
@example(choices=[0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0], arrivals=1, runs=True, later=False, twice=False)
def test_no_call_is_left_waiting_in_any_interleaving(
    choices: list[int], arrivals: int, runs: bool, later: bool, twice: bool
) -> None:
    world = _World()
    names = [f"call {number}" for number in range(arrivals)]
    tasks: list[Coroutine[Any, Any, None]] = [world.arrive(name) for name in names]
    if runs:
        world.runs = True
        tasks.insert(0, world.pump(later, twice))
    _interleave(world, tasks, choices)
    assert world.waiting == set(), "nobody will look after these"
    assert sorted(world.served) == names


def test_the_interleavings_would_find_a_pump_that_forgets_to_look() -> None:
    """The property has teeth: a row that lets the pump end though it was told of work loses a call."""

    class Careless(PumpRow):
        async def rest(self, phase: Phase, now_s: float) -> bool:
            await self._table.upsert_entity(self._phase_row(phase, now_s))
            return True

    def loses(choices: list[int]) -> bool:
        world = _World()
        world.row = Careless(cast(TableServiceClient, MemoryTables(_pause)), "gpt")
        world.runs = True
        _interleave(world, [world.pump(later=False, twice=False), world.arrive("late")], choices)
        return bool(world.waiting)

    assert any(loses([0] * steps + [1] * more) for steps in range(8) for more in range(8))
