from datetime import timedelta

import pytest

from shared.jobs.record import JobState
from shared.runs.rows import RunState
from shared.runs.store import UnknownRunError
from shared.runs.sweep import RunSweep
from tests.integration.runs.conftest import World


async def test_runs_that_ended_long_ago_go_with_their_rows(world: World) -> None:
    await world.start(60)
    await world.turn()
    await world.end_jobs(await world.records([JobState.PENDING]))
    while (await world.turn()).head.state is not RunState.ENDED:
        await world.end_jobs(await world.records([JobState.PENDING]))
    runs, files = world.system.runs.store, world.system.runs.files
    sweep = RunSweep(runs, files)
    now = world.system.runs.control.clock()
    await sweep.page(now - timedelta(days=1), None)
    assert len(await files.read(world.name, 0)) == 50, "it is not old enough"
    after = None
    while (after := (await sweep.page(now + timedelta(days=1), after)).after) is not None:
        pass
    with pytest.raises(UnknownRunError):
        await runs.get(world.name)
    assert await files.remove(world.name) == 0
    assert world.name not in [name async for name in runs.names()]
