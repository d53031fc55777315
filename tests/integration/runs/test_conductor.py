"""The conductor: rows are fed in a window, counts are what the jobs' rows say, wishes are carried out."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

import pytest

from shared.jobs.lifecycle import on_ticket
from shared.jobs.pending_call import PendingCall
from shared.jobs.record import JobState
from shared.runs.control import OtherFileError, RunEndedError
from shared.runs.rows import RunState
from shared.runs.store import UnknownRunError
from tests.integration.runs.conftest import KilledError, World


async def finish(world: World, turns: int = 200) -> None:
    """Let all jobs end well, and the run with them."""
    for _ in range(turns):
        run = await world.turn()
        if run.head.state is not RunState.RUNNING:
            return
        await world.end_jobs(await world.records([JobState.PENDING]))
    raise AssertionError(run)


async def test_rows_are_fed_in_a_window_and_counted(world: World) -> None:
    spool = await world.start(200)
    assert (spool.read, spool.rejected, spool.jobs, spool.parts, spool.sealed) == (200, 20, 180, 4, True)
    run = await world.turn()
    assert run.head.fed == 2, "the window has room for two parts"
    jobs = await world.records()
    assert len(jobs) == 90
    assert await world.waiting() == {record.job_id for record in jobs}
    await world.end_jobs(jobs[:60], failing=0.2)
    run = await world.turn()
    tally = run.head.tally
    failed = tally.states["failed"]
    assert 0 < failed < 30
    assert tally.states["succeeded"] == 60 - failed
    assert tally.reasons == {"content_filtered": failed}
    assert tally.input_tokens == 10 * tally.states["succeeded"]
    await finish(world)
    run = await world.run()
    assert run.head.state is RunState.ENDED
    assert run.head.tally.ended == run.head.tally.jobs == 180
    assert not run.head.open


async def test_turns_at_the_same_time_are_one(world: World) -> None:
    await world.start(50)
    conductor = world.system.runs.conductor
    await asyncio.gather(*(conductor.turn(world.name, 0) for _ in range(4)))
    run = await world.run()
    assert (run.head.turn, run.head.fed) == (1, 1)
    assert {record.booking for record in await world.records()} == {1}, "none was lined up twice"


@pytest.mark.parametrize("left", range(4, 16, 2))
async def test_a_turn_that_was_cut_off_leaves_no_call_that_was_sent_already(world: World, left: int) -> None:
    await world.start(50)
    world.kill.left = left
    with suppress(KilledError):
        await world.turn()
    world.kill.left = None
    sent = [call for queue in await world.heads() for call in queue.calls]  # the pump lets them through
    await world.system.pending.remove("gpt-4o-mini", [call.key for call in sent])
    await world.turn()
    again = [call for queue in await world.heads() for call in queue.calls]
    messages = [call.run_message().message_id for call in [*sent, *again]]
    assert len(messages) == len(set(messages)), "a second message of the same id would be dropped"
    assert {call.job_id for call in [*sent, *again]} == {record.job_id for record in await world.records()}


async def test_outcomes_of_runs_are_not_put_in_the_out_queue(world: World) -> None:
    await world.start(50)
    await world.turn()
    await world.end_jobs(await world.records())
    assert {queue for queue, _ in world.sent.messages} == {"run-turns"}
    assert all(record.published_at for record in await world.records())


async def test_the_same_file_goes_on_and_another_is_refused(world: World) -> None:
    first = await world.start(120, stop_after=1)
    assert not first.sealed
    with pytest.raises(OtherFileError):
        await world.start(130)
    assert (await world.start(120)).read == 120
    await finish(world)
    rows = [row.row.number async for row in world.system.runs.results.rows(await world.run())]
    assert rows == list(range(1, 121))


async def test_a_sample_is_the_beginning_of_the_run(world: World) -> None:
    await world.start(80, limit=25)
    await finish_open(world)
    assert (await world.run()).head.state is RunState.RUNNING
    await world.start(80)
    await finish(world)
    assert [row.row.number async for row in world.system.runs.results.rows(await world.run())] == list(range(1, 81))


async def finish_open(world: World) -> None:
    while True:
        run = await world.turn()
        if run.head.fed == run.spool.parts and not run.head.open:
            return
        await world.end_jobs(await world.records([JobState.PENDING]))


async def test_a_pause_reaches_what_is_pending_and_what_is_booked(world: World) -> None:
    await world.start(150)
    await world.turn()
    booked = (await world.records())[0]
    ticket = PendingCall.of(booked).ticket(1.0, 2.0, 0)
    await world.system.runs.control.pause(world.name)
    run = await world.turn()
    assert run.head.state is RunState.PAUSED
    assert Counter(str(record.state) for record in await world.records()) == {"paused": 90}
    assert await world.waiting() == set()
    held = await world.system.store.get("feedback", booked.job_id)
    assert getattr(on_ticket(held, ticket, booked.created_at), "reason", None) == "paused", (
        "a ticket on its way is void"
    )
    assert (await world.turn()).head.fed == run.head.fed, "nothing is fed"
    await world.system.runs.control.resume(world.name)
    run = await world.turn()
    assert run.head.state is RunState.RUNNING
    assert len(await world.waiting()) == run.head.tally.states["pending"] >= 90
    await finish(world)
    assert (await world.run()).head.tally.states == {"succeeded": 135}


async def test_what_runs_when_a_run_is_paused_ends_normally(world: World) -> None:
    await world.start(100)
    await world.turn()
    runs = (await world.records())[:5]
    running = [await world.system.store.update(r.changed(r.updated_at, state=JobState.RUNNING)) for r in runs]
    await world.system.runs.control.pause(world.name)
    assert (await world.turn()).head.tally.states == {"paused": 85, "running": 5}
    await world.end_jobs(running)
    assert (await world.turn()).head.tally.states == {"paused": 85, "succeeded": 5}


async def test_a_cancellation_ends_what_waits_and_feeds_nothing_more(world: World) -> None:
    await world.start(150)
    await world.turn()
    await world.end_jobs((await world.records())[:10])
    await world.system.runs.control.cancel(world.name)
    run = await world.turn()
    assert run.head.state is RunState.CANCELLED
    assert run.head.tally.states == {"succeeded": 10, "cancelled": 80}
    assert await world.waiting() == set()
    rows = [row async for row in world.system.runs.results.rows(run)]
    assert Counter(row.status for row in rows) == {"succeeded": 10, "cancelled": 125, "rejected": 15}
    with pytest.raises(RunEndedError):
        await world.system.runs.control.resume(world.name)


async def test_failures_are_tried_again_in_parts_that_had_ended(world: World) -> None:
    await world.start(120)
    while (run := await world.turn()).head.state is RunState.RUNNING:
        await world.end_jobs(await world.records([JobState.PENDING]), failing=0.5)
    failed = run.head.tally.states["failed"]
    assert failed > 30
    await world.system.runs.control.retry_failed(world.name)
    run = await world.turn()
    assert run.head.tally.states["pending"] == failed
    assert "failed" not in run.head.tally.states
    await finish(world)
    assert (await world.run()).head.tally.states == {"succeeded": 108}
    assert (await world.run()).head.tally.jobs == 108


async def test_a_job_that_is_replayed_by_hand_is_counted_again(world: World) -> None:
    await world.start(60)
    await world.turn()
    await world.end_jobs(await world.records(), failing=1.0)
    assert (await world.turn()).head.state is RunState.ENDED
    (job, *_) = await world.records([JobState.FAILED])
    await world.system.failed_jobs.replay(job)
    run = await world.turn()
    assert run.head.state is RunState.RUNNING
    assert run.head.tally.states == {"failed": 53, "pending": 1}


@pytest.mark.parametrize("seed", range(3))
async def test_counts_are_right_whenever_the_process_is_killed(world: World, seed: int) -> None:
    dice = random.Random(seed)
    world.kill.done = bool(seed % 2)
    wishes = world.system.runs.control
    kills = 0
    for step in range(30):
        world.kill.left = dice.randrange(20) if dice.random() < 0.6 else None
        try:
            match dice.randrange(8):
                case 0 | 1:
                    await world.start(130)
                case 2:
                    some = dice.sample(await world.records([JobState.PENDING]), 10)
                    await world.end_jobs(some, failing=0.2, dice=dice)
                case 3 if step > 10:
                    await dice.choice([wishes.pause, wishes.resume, wishes.retry_failed])(world.name)
                case _:
                    await world.turn()
        except KilledError:
            kills += 1
        except (UnknownRunError, RunEndedError, ValueError):
            pass  # not begun yet, at its end already, or fewer jobs wait than are to end
    world.kill.left = None
    assert kills >= 3
    await world.start(130)
    if (await world.run()).wish.state is RunState.PAUSED:
        await wishes.resume(world.name)
    await finish(world)
    run = await world.run()
    while run.wish.retries > run.head.retried:
        run = await world.turn()
    records = await world.records()
    assert Counter(str(r.state) for r in records) == Counter(run.head.tally.states)
    assert len(records) == run.head.tally.jobs == 117
    rows = [row.row.number async for row in world.system.runs.results.rows(run)]
    assert rows == list(range(1, 131))


async def test_runs_with_work_are_listed_first_then_those_heard_of_last(world: World) -> None:
    store = world.system.runs.store
    names = [f"{world.name}-{letter}" for letter in "abcd"]
    for name in names:
        await store.list(name, active=True)
    for name in (names[0], names[2]):
        await store.list(name, active=False)
    listed = await store.newest(1_000)
    assert [name for name in listed if name in names] == [names[3], names[1], names[2], names[0]]
    assert len(await store.newest(2)) == 2
    for name in names:
        await store.remove(name)
