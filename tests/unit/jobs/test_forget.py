"""Forgetting a job: what goes, what is refused, and what messages for it come to."""

import pytest

from shared.errors import ConflictError, StorageError
from shared.jobs.forget import Forgetting, Forgotten, JobRunningError
from shared.jobs.intake import Delivery
from shared.jobs.record import JobRecord, JobState
from shared.messages import Envelope
from shared.storage.payloads import PayloadStore
from tests.unit.jobs.conftest import System

LARGE = {"text": "a", "metadata": {"x": "y" * 90_000}}


@pytest.fixture
def forgetting(system: System) -> Forgetting:
    payloads = PayloadStore(system.blobs, system.claims, max_bytes=100_000)

    async def history(job_id: str) -> int:
        return len(job_id)

    return Forgetting(system.store, payloads, system.pending, {"other": history})


async def test_everything_of_one_job_goes_and_nothing_of_another(system: System, forgetting: Forgetting) -> None:
    for job_id in ("j", "j2", "j/2"):
        await system.send(LARGE, job_id)
        await system.claims.write(f"{JobRecord.prefix('stub', job_id)}/body.json", b"x")
    others = {name for name in system.blobs.blobs if not name.startswith("stub/j/")}
    assert await forgetting.forget("stub", "j") == Forgotten(rows=1, blobs=2, calls=1)
    assert {job_id for _, job_id in system.store.rows} == {"j2", "j/2"}
    assert set(system.blobs.blobs) == others
    assert set(system.claims.blobs) == {"stub/j2/body.json", "stub/j=2F2/body.json"}
    assert {call.job_id for call in system.pending.calls.values()} == {"j2", "j/2"}


async def test_more_blobs_than_a_page_and_the_claim_check_that_the_message_named(
    system: System, forgetting: Forgetting
) -> None:
    await system.claims.write("from/producer", b'{"text": "a"}')
    await system.send(b"", claim_check="from/producer")
    for number in range(5):
        await system.blobs.write(f"stub/j1/outcome-{number}", b"x")
    assert (await forgetting.forget("stub", "j1")).blobs == 6
    assert (system.blobs.blobs, system.claims.blobs) == ({}, {})


async def test_a_job_that_is_not_known_is_forgotten_already(system: System, forgetting: Forgetting) -> None:
    assert not (await forgetting.forget("stub", "never")).anything


async def test_what_a_crash_left_goes_with_the_next_try(system: System, forgetting: Forgetting) -> None:
    await system.send(LARGE)
    system.blobs.failing = True
    with pytest.raises(StorageError):
        await forgetting.forget("stub", "j1")
    system.blobs.failing = False
    assert system.store.rows == {}
    assert await forgetting.forget("stub", "j1") == Forgotten(blobs=1, calls=1)


async def test_a_run_that_is_under_way_is_not_pulled_away(system: System, forgetting: Forgetting) -> None:
    await system.send({"text": "a"})
    record = await system.store.update(system.record().changed(system.now, state=JobState.RUNNING))
    with pytest.raises(JobRunningError, match="under way"):
        await forgetting.forget("stub", "j1")
    assert system.record() == record
    assert (await forgetting.forget("stub", "j1", force=True)).rows == 1


async def test_the_result_of_a_run_whose_job_was_forgotten_is_dropped(system: System) -> None:
    await system.send({"text": "a"})
    system.kind.script = [lambda: system.store.rows.clear()]
    await system.run_all()
    assert (system.store.rows, system.published) == ({}, [])


@pytest.mark.parametrize("error", [None, StorageError()], ids=["succeeds", "fails"])
async def test_a_run_message_that_comes_later_is_ignored(
    system: System, forgetting: Forgetting, error: Exception | None
) -> None:
    await system.send({"text": "a"})
    ticket = system.ticket()
    system.kind.script = [error] if error else []
    await forgetting.forget("stub", "j1")
    ran = await system.runner.run(ticket)
    assert not ran.waits
    assert (system.store.rows, system.published, system.kind.drafts) == ({}, [], [])


async def test_a_dead_letter_that_comes_later_is_ignored(system: System, forgetting: Forgetting) -> None:
    await system.send({"text": "a"})
    message = Delivery(Envelope("m"), system.ticket().encode().encode())
    await forgetting.forget("stub", "j1")
    assert not await system.failed_jobs.reconcile("stub", message, "MaxDeliveryCountExceeded")
    assert system.store.rows == {}


async def test_a_job_that_keeps_changing_is_an_error(system: System, forgetting: Forgetting) -> None:
    await system.send({"text": "a"})
    get = system.store.get

    async def changing(kind: str, job_id: str) -> JobRecord | None:
        record = await get(kind, job_id)
        system.store.touch(kind, job_id)
        return record

    system.store.get = changing  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="keeps changing"):
        await forgetting.forget("stub", "j1")


async def test_durable_history_of_kinds_that_have_one(forgetting: Forgetting) -> None:
    assert (await forgetting.forget("other", "four")).histories == 4
