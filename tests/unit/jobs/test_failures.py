"""Failed jobs: reconciled, replayed, mended, discarded."""

import pytest

from shared.errors import ConflictError, ContentFilteredError, InvalidMessageError
from shared.jobs.intake import Delivery
from shared.jobs.lifecycle import MAX_INTERRUPTIONS, TOO_MANY_DELIVERIES
from shared.jobs.record import JobState
from shared.messages import Envelope, RunTicket
from tests.unit.jobs.conftest import System


async def _failed(system: System) -> None:
    system.kind.script = [ContentFilteredError("no")]
    await system.send({"text": "a"})
    await system.run_all()


async def test_replay_runs_again_and_publishes_a_second_outcome(system: System) -> None:
    await _failed(system)
    await system.failed_jobs.replay(system.record())
    await system.run_all()
    assert [m.message_id for m in system.sender.queues["out"]] == ["j1:0", "j1:1"]
    assert [o["status"] for o in system.published] == ["failed", "succeeded"]
    assert system.record().state is JobState.SUCCEEDED


async def test_replay_with_a_mended_body(system: System) -> None:
    await system.send(b"broken")
    await system.failed_jobs.replay(system.record(), b'{"text": "mended"}')
    await system.run_all()
    assert system.published[-1]["result"] == {"echo": "mended"}


async def test_replay_refuses_a_body_that_is_still_wrong_and_changes_nothing(system: System) -> None:
    await system.send(b"broken")
    before = system.record()
    with pytest.raises(InvalidMessageError):
        await system.failed_jobs.replay(before, b"still broken")
    with pytest.raises(InvalidMessageError):
        await system.failed_jobs.replay(before)
    assert system.record() == before


async def test_replay_of_a_claim_check_fetches_the_blob_again(system: System) -> None:
    await system.send(b"", claim_check="b1")
    assert system.record().state is JobState.FAILED
    system.claims.blobs["b1"] = b'{"text": "late"}'
    await system.failed_jobs.replay(system.record())
    await system.run_all()
    assert system.published[-1]["result"] == {"echo": "late"}


async def test_only_failed_jobs_can_be_replayed_or_discarded(system: System) -> None:
    await system.send({"text": "a"})
    await system.run_all()
    with pytest.raises(ConflictError):
        await system.failed_jobs.replay(system.record())
    with pytest.raises(ConflictError):
        await system.failed_jobs.discard(system.record())


async def test_discarded_job_leaves_the_list_of_failures(system: System) -> None:
    await _failed(system)
    await system.failed_jobs.discard(system.record())
    assert [r async for r in system.store.failures("stub")] == []
    assert await system.failed_jobs.body(system.record()) == b'{"text": "a"}'


def _dead(ticket: RunTicket) -> Delivery:
    return Delivery(Envelope("m1"), ticket.encode().encode())


async def test_dead_run_message_fails_its_job(system: System) -> None:
    await system.send({"text": "a"})
    await system.failed_jobs.reconcile("stub", _dead(system.ticket()), "TTLExpiredException")
    assert system.published[0]["error"]["code"] == "abandoned"
    await system.run_all()
    assert len(system.published) == 1


async def test_run_message_that_an_outage_killed_is_replaced_a_bounded_number_of_times(system: System) -> None:
    await system.send({"text": "a"})
    for _ in range(MAX_INTERRUPTIONS):
        system.sender.queues["run"].clear()
        await system.failed_jobs.reconcile("stub", _dead(system.ticket()), TOO_MANY_DELIVERIES)
        assert len(system.sender.queues["run"]) == 1
    assert system.published == []
    await system.failed_jobs.reconcile("stub", _dead(system.ticket()), TOO_MANY_DELIVERIES)
    assert [outcome["error"]["code"] for outcome in system.published] == ["abandoned"]


async def test_run_message_that_an_outage_killed_lets_its_job_succeed(system: System) -> None:
    await system.send({"text": "a"})
    await system.failed_jobs.reconcile("stub", _dead(system.ticket()), TOO_MANY_DELIVERIES)
    await system.run_all()
    assert [outcome["status"] for outcome in system.published] == ["succeeded"]


async def test_dead_run_message_of_an_older_booking_changes_nothing(system: System) -> None:
    await system.send({"text": "a"})
    old = RunTicket("stub", "j1", 1, 0)
    await system.failed_jobs.reconcile("stub", _dead(old), "TTLExpired")
    await system.run_all()
    assert system.published[0]["status"] == "succeeded"


async def test_foreign_message_on_the_run_queue_is_kept_as_a_failed_job(system: System) -> None:
    await system.failed_jobs.reconcile("stub", Delivery(Envelope("m9"), b"who am I"), "MaxDeliveryCountExceeded")
    record = system.record("m9")
    assert record.state is JobState.FAILED
    assert await system.failed_jobs.body(record) == b"who am I"
