"""The pump's steps on real tables: what is booked is sent, once, and nothing is lost wherever a step is cut off."""

import logging
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.errors import StorageError
from shared.jobs.call_reports import CallReport
from shared.jobs.pump_row import Wake
from shared.jobs.record import JobState
from shared.messages import RunTicket
from shared.quota.admission import MAX_HEARD
from shared.quota.limits import Limits
from tests.support.pump_world import PumpWorld, nobody

TPM = 60_000


@pytest.fixture
async def world(tables: TableServiceClient, deployment: str) -> PumpWorld:
    world = PumpWorld(tables, deployment, Limits(tpm=TPM, rpm=6_000))
    await world.prepare()
    await world.warm()
    return world


async def test_messages_carry_bookings_and_the_rows_go(world: PumpWorld) -> None:
    await world.add("a", "b", "c", tokens=5_000)
    assert await world.pump.has_work()
    pause_s = await world.cycle()
    assert pause_s is not None
    assert world.sent_ids() == {"a": 1, "b": 1, "c": 1}
    for ticket, message in zip(world.sent(), world.sender.queues["run"], strict=True):
        assert world.now_s <= ticket.start_s <= world.now_s + 14
        assert (ticket.tokens, ticket.epoch, ticket.tolerance_s) == (5_000, 0, world.limits.tolerance_s)
        assert (ticket.attempt, ticket.booking) == (1, 1)
        assert message.message_id == f"{ticket.job_id}:1:1"
        # Delivered in time for its start, or at once where that is now.
        due_s = ticket.due_s or world.now_s
        assert due_s <= ticket.start_s
        assert message.not_before == (datetime.fromtimestamp(ticket.due_s, UTC) if ticket.due_s else None)
    assert not await world.pump.has_work()
    assert world.status()["booked_ahead_tokens"] == 15_000


async def test_a_cycle_tells_how_long_the_oldest_call_has_waited(
    world: PumpWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "shared.jobs.pump")
    await world.add("first")
    world.now_s += 40
    await world.add("second", app="forum")
    await world.add("later", due_in_s=500)
    await world.cycle()
    await world.cycle()
    told = [record.fields for record in caplog.records if getattr(record, "event", "") == "pump_cycle"]
    assert [fields.get("oldest_s") for fields in told] == [40.0, None], "nothing that is due waits after the first"
    assert {fields["deployment"] for fields in told} == {world.deployment}


async def test_no_minute_is_booked_beyond_its_quota(world: PumpWorld) -> None:
    for number in range(90):
        world.now_s += 0.01
        await world.add(f"j{number:03d}")
    for _ in range(30):
        pause_s = await world.cycle()
        assert pause_s is not None
        world.now_s += pause_s
        if world.now_s > 1_790_000_055:
            break
    starts = [ticket.start_s for ticket in world.sent()]
    assert len(starts) == len(set(world.sent_ids())) == 60, "one minute's quota, and no more"
    assert list(world.sent_ids()) == sorted(world.sent_ids()), "in the order of their arrival"


async def test_what_runs_reported_is_told_and_forgotten(world: PumpWorld) -> None:
    await world.add("used", "unused", tokens=5_000)
    await world.cycle()
    used, unused = world.sent()
    world.now_s += 3
    await world.report(used)
    await world.report(used, answered=True)
    await world.report(unused, sent=False)
    await world.add("next", tokens=5_000)
    await world.cycle()
    assert await world.reports.read() == []
    status = world.status()
    assert status["usage"] == {"calls": 1, "prompt_tokens": 70, "completion_tokens": 30}
    assert status["used_tokens"] + status["booked_ahead_tokens"] == 10_000, "the unused booking was given back"


async def test_reports_that_one_cycle_cannot_tell_wait_for_the_next(world: PumpWorld) -> None:
    await world.add("first", tokens=100)
    await world.cycle()
    (ticket,) = world.sent()
    for number in range(MAX_HEARD + 5):
        await world.reports.put(
            RunTicket("stub", f"j{number:04d}", 1, 1, 100, ticket.start_s, 2.0, 0),
            _released(ticket.start_s),
        )
    planned = await world.plan()
    assert len(planned["payload"]["released"]) == MAX_HEARD
    await world.pump.send(planned, world.book(planned), nobody)
    assert len(await world.reports.read()) == 5
    planned = await world.plan()
    assert len(planned["payload"]["released"]) == 5


async def test_usage_that_comes_when_nothing_waits_is_told_later(world: PumpWorld) -> None:
    await world.add("a")
    await world.cycle()
    (ticket,) = world.sent()
    await world.report(ticket)
    await world.report(ticket, answered=True)
    world.now_s += 3
    assert await world.cycle() is None
    await world.add("b")
    await world.cycle()
    assert world.status()["usage"] == {"calls": 1, "prompt_tokens": 70, "completion_tokens": 30}
    assert await world.reports.read() == []


async def test_a_refused_cycle_forgets_no_call(world: PumpWorld) -> None:
    await world.add("a")
    planned = await world.plan()
    refused = {"ok": False, "code": "invalid_message", "error": "of some reason"}
    assert await world.pump.send(planned, refused, nobody) is not None
    assert world.sent() == []
    await world.cycle()
    assert world.sent_ids() == {"a": 1}


async def test_sending_twice_changes_nothing_more(world: PumpWorld) -> None:
    await world.add("a", "b")
    await world.add("later", due_in_s=30)
    planned = await world.plan()
    answer = world.book(planned)
    await world.pump.send(planned, answer, nobody)
    messages, rows = list(world.sender.queues["run"]), await world.rows()
    world.now_s += 1
    await world.pump.send(planned, answer, nobody)
    assert world.sender.queues["run"] == messages
    after = await world.rows()
    assert rows.keys() == after.keys()
    assert rows["pump"]["state"] == after["pump"]["state"]


async def test_planning_twice_changes_nothing(world: PumpWorld) -> None:
    await world.add("a", "b")
    first = await world.plan()
    rows = await world.rows()
    second = await world.plan()
    assert {key: row for key, row in (await world.rows()).items() if key != "wake"} == {
        key: row for key, row in rows.items() if key != "wake"
    }
    assert first["jobs"] == second["jobs"]
    assert first["payload"]["id"] != second["payload"]["id"]


async def _steps(world: PumpWorld) -> int:
    """How many calls a whole cycle makes."""
    world.fuse.arm(1000)
    await world.cycle()
    return world.fuse.passed


@pytest.mark.parametrize("again", ["same-input", "new-cycle"])
async def test_a_cycle_cut_off_at_any_step_loses_and_repeats_nothing(
    tables: TableServiceClient, deployment: str, again: str
) -> None:
    """Killed, an activity is run again with the same input; failed for good, the orchestration begins a new cycle."""
    probe = PumpWorld(tables, f"{deployment} probe", Limits(tpm=TPM, rpm=6_000))
    await probe.prepare()
    await probe.warm()
    await probe.add("a", "b", "c")
    steps = await _steps(probe)
    assert steps >= 8
    for step in range(steps):
        world = PumpWorld(tables, f"{deployment} {step}", Limits(tpm=TPM, rpm=6_000))
        await world.warm()
        await world.add("a", "b", "c", tokens=5_000)
        world.fuse.arm(step)
        planned, answer = await _cut_off(world)
        world.now_s += 1
        if planned is not None and again == "same-input":
            await world.pump.send(planned, answer, nobody)
        await world.cycles()
        assert world.sent_ids() == {"a": 1, "b": 1, "c": 1}, f"cut off at step {step}"
        assert not await world.pump.has_work()
        assert await world.row.wake(world.now_s) is Wake.START, "the pump has ended"


async def test_reports_are_told_once_though_sending_fails(world: PumpWorld) -> None:
    """A release that is told twice would give back another's booking in the same slot."""
    await world.add("gone", "kept", tokens=5_000)
    await world.cycle()
    gone, _ = world.sent()
    await world.report(gone, sent=False)
    await world.add("next", tokens=5_000)
    world.sender.failing = True
    with pytest.raises(Exception, match="Service Bus is away"):
        await world.cycle()
    world.sender.failing = False
    booked = world.status()["used_tokens"] + world.status()["booked_ahead_tokens"]
    planned = await world.plan()
    assert planned["payload"]["released"] == []
    await world.pump.send(planned, world.book(planned), nobody)
    # The one that is kept, what was booked but not sent, and what was booked for that again.
    assert world.status()["used_tokens"] + world.status()["booked_ahead_tokens"] == booked + 5_000 == 15_000


async def test_oversized_jobs_fail_with_the_reason(world: PumpWorld) -> None:
    await world.add("first", tokens=10)
    await world.cycle()
    world.operate("configure", {"id": "lower", "limits": {"tpm": 20_000}})
    await world.add("large", tokens=50_000)
    await world.add("small", tokens=1_000)
    await world.cycles()
    assert world.sent_ids() == {"first": 1, "small": 1}
    record = await world.record("large")
    assert (record.state, record.error_code) == (JobState.FAILED, "oversized_request")
    assert "50000 tokens" in (record.error_message or "")
    assert str(TPM) not in (record.error_message or ""), "that quota would have sufficed"
    assert [m.message_id for m in world.sender.queues["out"]] == [f"{world.full('large')}:0"]
    assert not await world.pump.has_work()


async def test_it_sleeps_until_the_next_call_is_due(world: PumpWorld) -> None:
    await world.add("later", due_in_s=20)
    assert await world.cycle() == pytest.approx(20, abs=0.1)
    assert await world.row.wake(world.now_s) is Wake.EVENT
    world.now_s += 20.05
    await world.cycle()
    assert world.sent_ids() == {"later": 1}
    await world.add("much later", due_in_s=3600)
    world.now_s += 5
    pauses = [await world.cycle() for _ in range(2)]
    assert pauses[-1] == pytest.approx(60, abs=0.1), "a pump that says nothing for longer is taken for dead"


async def test_it_ends_when_nothing_waits(world: PumpWorld) -> None:
    assert await world.cycle() is None
    assert await world.row.wake(world.now_s) is Wake.START
    await world.add("a")
    assert await world.cycle() is not None, "it looks once more"
    assert await world.cycle() is None


async def test_a_call_that_comes_during_the_cycle_keeps_it_running(world: PumpWorld) -> None:
    planned = await world.plan()
    await world.add("a")
    assert await world.row.wake(world.now_s) is Wake.NOTHING
    assert await world.pump.send(planned, world.book(planned), nobody) is not None
    await world.cycles()
    assert world.sent_ids() == {"a": 1}


async def test_a_cold_start_probes_first(tables: TableServiceClient, deployment: str) -> None:
    world = PumpWorld(tables, deployment, Limits(tpm=TPM, rpm=6_000))
    await world.prepare()
    await world.add(*(f"j{i:02d}" for i in range(30)))
    counts = []
    for _ in range(12):
        known = len(world.sent())
        pause_s = await world.cycle()
        counts.append(len(world.sent()) - known)
        assert pause_s is not None
        world.now_s += max(3.0, pause_s)
        for ticket in world.sent()[known:]:
            await world.report(ticket)
        if len(world.sent()) == 30:
            break
    assert counts[0] == 1
    assert sum(counts) == 30
    assert all(after <= 4 * max(1, before) for before, after in pairwise(counts))


async def test_a_429_that_the_counter_never_heard_of_does_not_stop_everything(world: PumpWorld) -> None:
    """The worker that got it died before it told the counter; or the counter's state was lost since."""
    await world.add("before")
    await world.cycle()
    for epoch in range(3):
        await world.reports.throttled(epoch, 5.0, world.now_s)
    freeze = await world.reports.freeze()
    accepted = []
    for number in range(5):
        await world.add(f"after{number}")  # as a run lines up again whose booking is void
        await world.cycle()
        world.now_s += 5
        accepted = [t for t in world.sent() if t.epoch >= freeze.epoch]
        if accepted:
            break
    assert accepted, "workers take every booking of an earlier epoch for void"
    assert all(ticket.start_s >= freeze.until_s for ticket in accepted)
    assert accepted[0].epoch == freeze.epoch, "and it isn't told more than it missed"


async def _cut_off(world: PumpWorld) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """A cycle that fails. Returns what its steps gave before."""
    planned: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    try:
        planned = await world.plan()
        answer = world.book(planned)
        await world.pump.send(planned, answer, nobody)
    except StorageError:
        return planned, answer
    raise AssertionError("the fuse was not reached")


def _released(start_s: float) -> CallReport:
    return CallReport(start_s, 100, 0)
