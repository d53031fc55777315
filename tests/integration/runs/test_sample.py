"""A run that begins with a sample, and asks whether to go on."""

from pathlib import Path
from typing import Any

import pytest
import typer

from cli import run_start
from cli.console import EXIT_INTERRUPTED, EXIT_OK
from cli.run_start import Source, Start, start
from shared.jobs.record import JobState
from shared.runs.rows import RunState
from tests.integration.runs.conftest import World

ROWS, SAMPLE = 20, 8


class Person:
    """Who is asked, while the jobs that there are end.

    Attributes:
        answers: one for each question; None is Ctrl-C.
        asked: each question with how many jobs there were.
    """

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, *answers: bool | None) -> None:
        self._world = world
        self.answers = list(answers)
        self.asked: list[str] = []
        monkeypatch.setattr(run_start, "watch_run", self._watch)
        monkeypatch.setattr(run_start, "agreed", self._agreed)

    async def _watch(self, _system: Any, _name: str) -> int:
        await self._world.turn()
        await self._world.end_jobs(await self._world.records([JobState.PENDING]))
        await self._world.turn()
        return EXIT_OK

    def _agreed(self, question: str, _otherwise: str) -> bool:
        self.asked.append(question)
        answer = self.answers.pop(0)
        if answer is None:
            raise typer.Abort
        return answer


def wanted(world: World, folder: Path, **options: Any) -> Start:
    path = folder / "rows.csv"
    path.write_text("text\n" + "".join(f"comment {n}\n" for n in range(1, ROWS + 1)), encoding="utf-8")
    source = Source("feedback", path, told={"text": "text"})
    return Start(source, world.name, app_id=world.name, sample=SAMPLE, rejects=folder / "rejects.csv", **options)


async def bodies(world: World) -> list[int]:
    """The rows of the jobs that there are."""
    return sorted(int(record.job_id.rpartition("~")[2]) for record in await world.records())


async def test_after_a_yes_the_others_follow_and_none_comes_twice(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(world, monkeypatch, True)
    assert await start(world.system, wanted(world, tmp_path)) == EXIT_OK
    assert person.asked == ["Go on with the whole file?"]
    sampled = {record.job_id: record.state for record in await world.records()}
    assert list(sampled.values()) == [JobState.SUCCEEDED] * SAMPLE
    while (await world.run()).head.state is RunState.RUNNING:
        await world.turn()
        await world.end_jobs(await world.records([JobState.PENDING]))
    records = await world.records()
    assert await bodies(world) == list(range(1, ROWS + 1)), "each row is one job"
    assert sampled.keys() < {record.job_id for record in records}
    assert (await world.run()).head.tally.input_tokens == 10 * ROWS, "none was billed twice"


@pytest.mark.parametrize(("answer", "code"), [(False, EXIT_OK), (None, EXIT_INTERRUPTED)], ids=["no", "ctrl-c"])
async def test_after_a_no_the_run_waits_and_goes_on_when_started_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bool | None, code: int
) -> None:
    person = Person(world, monkeypatch, answer)
    assert await start(world.system, wanted(world, tmp_path)) == code
    run = await world.turn()
    assert (run.spool.read, run.spool.sealed, run.head.state) == (SAMPLE, False, RunState.RUNNING)
    assert await bodies(world) == list(range(1, SAMPLE + 1))
    assert await start(world.system, wanted(world, tmp_path)) == EXIT_OK
    assert len(person.asked) == 1, "the sample was shown already"
    await world.turn()
    assert await bodies(world) == list(range(1, ROWS + 1))


async def test_with_yes_nothing_is_asked(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(world, monkeypatch)
    assert await start(world.system, wanted(world, tmp_path, yes=True)) == EXIT_OK
    assert person.asked == []
    await world.turn()
    assert await bodies(world) == list(range(1, ROWS + 1))
