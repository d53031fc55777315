"""Forgetting one job on real tables and blobs."""

import pytest

from shared.errors import ConflictError
from shared.jobs.forget import Forgotten
from shared.jobs.pending import PendingCall
from shared.jobs.record import JobState
from tests.integration.retention.conftest import NOW, Storage

LARGE = b"x" * 120_000


async def test_everything_goes_and_nothing_of_others(storage: Storage) -> None:
    for name in ("j", "j2"):
        record = await storage.job(name, JobState.FAILED, body=LARGE)
        for deployment in ("gpt", "former"):
            await storage.backend.pending.put(deployment, [PendingCall.of(record)])
        await storage.backend.payloads.leave(f"feedback/{name}/outcome-0.json", b"{}")
    # As after a crash: an entry too many.
    await storage.backend.store.update(
        record.changed(NOW, state=JobState.FAILED, failure_key=None, error_message="again")
    )
    others = await storage.kept()
    gone = await storage.backend.forgetting.forget("feedback", "j")
    assert gone == Forgotten(rows=1, blobs=2, failures=0, calls=2)
    kept = await storage.kept()
    assert (kept.jobs, kept.claims) == ({"j2"}, {"feedback/j2/outcome-0.json"})
    assert (len(kept.blobs), len(kept.failures), len(kept.calls)) == (1, 2, 1)
    assert kept.calls < others.calls
    gone = await storage.backend.forgetting.forget("feedback", "j2")
    assert (gone.rows, gone.failures) == (1, 1)
    kept = await storage.kept()
    assert (kept.jobs, kept.failures, kept.calls, kept.blobs, kept.claims) == (set(), set(), set(), set(), set())
    assert not (await storage.backend.forgetting.forget("feedback", "j2")).anything


async def test_a_row_is_deleted_only_as_it_was_read(storage: Storage) -> None:
    first = await storage.job("j", JobState.PENDING)
    second = await storage.backend.store.update(first.changed(NOW, state=JobState.RUNNING))
    with pytest.raises(ConflictError):
        await storage.backend.store.remove(first)
    await storage.backend.store.remove(second)
    await storage.backend.store.remove(second)  # gone is gone
    assert await storage.backend.store.get("feedback", "j") is None
