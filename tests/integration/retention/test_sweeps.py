"""A purge on real tables and blobs: what goes, what stays, and what a purge that was killed leaves."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.jobs import sweeps
from shared.jobs.call_reports import CallReport, CallReports
from shared.jobs.pending import PendingCall
from shared.jobs.record import JobRecord, JobState
from shared.jobs.retention import Sweep
from shared.jobs.sweeps import keep_claim_check
from shared.messages import RunTicket
from tests.integration.retention.conftest import DEPLOYMENT, NOW, NoHistory, Storage

LARGE = b"x" * 120_000


async def test_old_jobs_go_with_all_that_belongs_to_them(storage: Storage) -> None:
    await storage.backend.payloads.leave("producer/own", b"{}")
    await storage.backend.payloads.leave("feedback/j1/outcome-0.json", b"{}")
    await storage.job("j1", body=LARGE, claim_check="producer/own")
    await storage.job("j/2", JobState.FAILED, body=LARGE)
    await storage.job("j3", JobState.CANCELLED)
    purged = await storage.purge(whole=True)
    assert purged.complete
    assert purged.counts["jobs"] == 3
    kept = await storage.kept()
    assert (kept.jobs, kept.failures, kept.claims) == (set(), set(), {"feedback/j1/outcome-0.json"})
    assert len(kept.blobs) == 2  # written just now
    await storage.purge(days=31)
    kept = await storage.kept()
    assert (kept.blobs, kept.claims) == (set(), set())


async def test_what_may_be_needed_stays(storage: Storage) -> None:
    await storage.job("unpublished", published_at=None)
    await storage.job("young", at=NOW)
    for state in (JobState.PENDING, JobState.RUNNING):
        await storage.job(state, state, body=LARGE)
    failed = await storage.job("failed lately", JobState.FAILED, at=NOW)
    before = await storage.kept()
    assert (await storage.purge()).complete
    # Also when the blobs are old: their jobs have rows.
    await storage.purge(days=29)
    assert await storage.kept() == before
    assert [r.job_id async for r in storage.backend.store.failures("feedback")] == [failed.job_id]


async def test_a_partition_of_more_than_a_page(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "PAGE", 3)
    monkeypatch.setattr("shared.jobs.record.partition_key", lambda kind, _: f"{kind}-00")
    for number in range(8):
        await storage.job(f"j{number}", JobState.SUCCEEDED if number % 2 else JobState.PENDING)
    assert (await storage.purge()).counts["jobs"] == 4
    assert (await storage.kept()).jobs == {"j0", "j2", "j4", "j6"}


async def test_a_job_that_changes_meanwhile_stays(storage: Storage) -> None:
    """Its page is deleted one by one then."""
    records = [await storage.job(f"j{number}", JobState.FAILED) for number in range(2)]
    table = storage.tables.get_table_client("sluicejobs")
    rows = [row async for row in table.query_entities("state eq 'failed'")]
    await storage.backend.store.update(records[0].changed(NOW, state=JobState.PENDING))
    deleted = 0
    for row in rows:
        deleted += await sweeps._delete(table, [row])
    assert deleted == 1
    assert (await storage.kept()).jobs == {"j0"}


async def test_entries_that_a_crash_left_among_the_failures(storage: Storage) -> None:
    record = await storage.job("gone", JobState.FAILED)
    mended = await storage.job("mended", JobState.FAILED)
    again = await storage.backend.store.update(mended.changed(NOW, state=JobState.PENDING))
    entries = storage.tables.get_table_client("sluicefailures")
    await entries.upsert_entity(
        {
            "PartitionKey": "feedback",
            "RowKey": mended.failure_key,
            "job_partition": record.to_row()["PartitionKey"],
            "job_row": "mended",
        }
    )
    # As after a kill between row and entry.
    await storage.backend.store.remove(replace(record, failure_key=None))
    assert len((await storage.kept()).failures) == 2
    assert (await storage.purge()).counts["failures"] == 2
    assert (await storage.kept()).failures == set()
    assert await storage.backend.store.get("feedback", again.job_id) is not None


async def test_calls_of_deployments_that_are_not_used_now(storage: Storage) -> None:
    waiting = await storage.job("waiting", JobState.PENDING)
    for job_id, changes in (("gone", {}), ("done", {}), ("waiting", {}), ("earlier", {"booking": 1})):
        record = JobRecord.from_row({**waiting.to_row(), "job_id": job_id, **changes}, None)
        await storage.backend.pending.put(f"{DEPLOYMENT} {job_id}", [PendingCall.of(record)])
    await storage.job("done")
    await storage.job("earlier", JobState.PENDING, booking=2)
    reports = CallReports(storage.backend.tables, "former")
    await reports.put(RunTicket("feedback", "gone", 1, 1, start_s=1.0), CallReport(1.0, 5, 0))
    await reports.touch()
    assert (await storage.purge()).counts["calls"] == 0  # all of them are new
    purged = await storage.purge(days=31)
    assert purged.counts["calls"] == 4
    kept = (await storage.kept()).calls
    assert kept == {"clock", PendingCall.of(waiting).key}


async def test_bodies_without_a_message_wait_longer_and_names_of_others_are_left_alone(storage: Storage) -> None:
    for name in ("feedback/j/body.json", "feedback/mine", "feedback/a/b/body.json", "else/j/body.json"):
        await storage.backend.payloads.leave(name, b"{}")
    await storage.purge(days=80)
    assert len((await storage.kept()).claims) == 4
    await storage.purge(days=91)
    assert (await storage.kept()).claims == {"feedback/mine", "feedback/a/b/body.json", "else/j/body.json"}
    assert keep_claim_check("outcome-x.json") is None


async def test_a_blob_that_is_written_again_meanwhile_stays(storage: Storage) -> None:
    """A job of the same id comes in again while the sweep looks at what its predecessor left."""
    await storage.backend.payloads.keep("feedback/again/body", LARGE)
    store = storage.backend.store
    get = store.get

    async def get_and_write(kind: str, job_id: str) -> JobRecord | None:
        found = await get(kind, job_id)
        await storage.backend.payloads.keep("feedback/again/body", LARGE)
        return found

    store.get = get_and_write  # type: ignore[method-assign]
    await storage.purge(days=31)
    assert len((await storage.kept()).blobs) == 1


async def test_columns_that_the_service_gives_as_null(storage: Storage) -> None:
    """As the real service does for columns that were asked for and aren't there (Azurite issue 2535)."""
    row = (await storage.job("j")).to_row()
    nulls = dict.fromkeys(sweeps._COLUMNS)
    sweep = next(s for s in storage.backend.retention._sweeps if isinstance(s, sweeps.JobSweep))
    cutoff = NOW - timedelta(days=30)
    assert sweep._is_due({**nulls, **row}, cutoff)
    assert not sweep._is_due({**nulls, **row, "published_at": None}, cutoff)


async def test_a_row_that_cannot_be_read_stops_nothing(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    record = await storage.job("odd")
    table = storage.tables.get_table_client("sluicejobs")
    await table.upsert_entity({**record.to_row(), "state": "lost"})
    await storage.job("good")
    assert (await storage.purge()).complete
    assert (await storage.kept()).jobs == {"odd"}
    assert "row_unreadable" in caplog.text


async def test_a_leased_claim_check_holds_only_its_own_job(storage: Storage) -> None:
    await storage.backend.payloads.leave("leased", b"{}")
    lease = await storage.blobs.get_blob_client("claim-checks", "leased").acquire_lease()  # type: ignore[attr-defined]
    await storage.job("held", claim_check="leased")
    await storage.job("bad name", claim_check="a" * 2000)
    await storage.job("free", claim_check="never/there")
    assert (await storage.purge()).complete
    assert (await storage.kept()).jobs == {"held"}
    await lease.release()
    await storage.purge()
    assert (await storage.kept()).jobs == set()


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Ends a sweep's page at a point: before it, or after its work was done but before anybody noted so."""

    def __init__(self, sweep: Sweep, *, after_work: bool) -> None:
        self.name, self.what = sweep.name, sweep.what
        self._sweep, self._after_work = sweep, after_work

    async def page(self, cutoff: datetime, after: str | None) -> Any:
        if self._after_work:
            await self._sweep.page(cutoff, after)
        raise Killed


@pytest.mark.parametrize("after_work", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("victim", ["jobs", "failures", "blobs", "claim_checks", "calls"])
async def test_a_kill_anywhere_leaves_nothing_that_the_next_purge_does_not_find(
    storage: Storage, victim: str, after_work: bool
) -> None:
    await storage.job("j1", JobState.FAILED, body=LARGE)
    await storage.backend.payloads.leave("feedback/j1/outcome-0.json", b"{}")
    built = storage.retention(days=31)
    whole = list(built._sweeps)
    built._sweeps = [Killer(s, after_work=after_work) if s.what == victim else s for s in whole]
    with pytest.raises(Killed):
        await built.run(NoHistory())
    built._sweeps = whole
    for _ in range(2):  # the rest of this purge, and a whole one
        assert (await built.run(NoHistory())).complete
    kept = await storage.kept()
    assert (kept.jobs, kept.failures, kept.calls, kept.blobs, kept.claims) == (set(), set(), set(), set(), set())
