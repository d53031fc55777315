"""The sweep: leftovers of dead machines, files without an event, gaps, retention."""

import logging
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from shared.logs.sweep import LogSweep
from shared.telemetry.log_names import LogName
from tests.integration.logs.test_index import DAY, Shipped, line, shipped

__all__ = ["shipped"]


def sweep_at(shipped: Shipped, now: datetime, **options: object) -> LogSweep:
    sweep = shipped.logs.sweep
    sweep._now = lambda: now
    for name, value in options.items():
        setattr(sweep, f"_{name}", value)
    return sweep


async def test_leftovers_of_dead_machines_are_shipped(shipped: Shipped) -> None:
    settings = shipped.logs.settings
    dead, own = settings.folder / "deadmachine", settings.own_folder
    for folder, instance in ((dead, "dead.1.1"), (own, "own.1.1")):
        folder.mkdir(parents=True)
        (folder / str(LogName(settings.app, instance, "20261122", 1))).write_text('{"a":1}\n')
    left = dead / f"{LogName(settings.app, 'dead.1.1', '20261122', 2)}.active"
    left.write_text('{"b":1}\n')
    young = dead / f"{LogName(settings.app, 'dead.2.1', '20261122', 1)}.active"
    young.write_text('{"c":1}\n')
    hour_ago_s = time.time() - 3600
    os.utime(left, (hour_ago_s, hour_ago_s))
    done = await sweep_at(shipped, datetime.now(UTC)).run()
    assert (done.shipped, done.unshipped) == (2, 0)
    blobs = shipped.logs.blobs.get_container_client(settings.container)
    names = [blob.name.rpartition("/")[2] async for blob in blobs.list_blobs()]
    assert names == [f"{LogName(settings.app, 'dead.1.1', '20261122', number)}.gz" for number in (1, 2)]
    assert young.exists(), "on a share its writer may be alive"
    assert len(list(own.iterdir())) == 1, "its own monitors look after it"


async def test_a_file_that_no_event_told_of_is_indexed(shipped: Shipped) -> None:
    now = datetime.now(UTC)
    await shipped.put("vm.1.1", 1, [line(now)])
    name = await shipped.put("vm.1.1", 2, [line(now)], index=False)
    assert (await sweep_at(shipped, now).run()).indexed == 0, "its event may still come"
    assert (await sweep_at(shipped, now + timedelta(minutes=6)).run()).indexed == 1
    facts = await shipped.logs.index.instance(shipped.app, "vm.1.1")
    assert facts is not None
    assert str(facts.arrived) == "1-2"
    assert (await sweep_at(shipped, now + timedelta(minutes=6)).run()).anything is False
    assert name.endswith("000002.jsonl.gz")


async def test_gaps_are_told_once(shipped: Shipped, caplog: pytest.LogCaptureFixture) -> None:
    now = datetime.now(UTC)
    await shipped.put("vm.1.1", 1, [line(DAY)])
    await shipped.put("vm.1.1", 4, [line(DAY)])
    await shipped.put("vm.2.1", 1, [line(DAY)])
    await shipped.logs.index.announce(shipped.app, "vm.2.1", 2, now)
    caplog.set_level(logging.WARNING)
    assert (await sweep_at(shipped, now, keep_days=0).run()).missing == 0
    later = sweep_at(shipped, now + timedelta(hours=2), keep_days=0)
    assert (await later.run()).missing == 3
    told = {
        r.fields["instance"]: r.fields["numbers"] for r in caplog.records if getattr(r, "event", "") == "logs_missing"
    }
    assert told == {"vm.1.1": "2-3", "vm.2.1": "2"}
    assert (await later.run()).missing == 0
    await shipped.put("vm.1.1", 2, [line(DAY)])
    await shipped.put("vm.1.1", 6, [line(DAY)])
    assert (await sweep_at(shipped, now + timedelta(hours=2), keep_days=0).run()).missing == 1, "3 was told, 5 is new"


async def test_retention_deletes_blobs_and_rows_of_old_days(shipped: Shipped) -> None:
    now = datetime.now(UTC)
    old, young = now - timedelta(days=40), now - timedelta(days=5)
    gone = [await shipped.put("old.1.1", n, [line(old)]) for n in (1, 2)]
    stays = await shipped.put("new.1.1", 1, [line(young)])
    container = shipped.logs.blobs.get_container_client(shipped.logs.settings.container)
    await container.upload_blob(f"{shipped.app}/readme.txt", b"not ours")
    await container.upload_blob(f"{shipped.app}x/20200101/a.jsonl.gz", b"of another app")
    assert (await sweep_at(shipped, now, keep_days=30).run()).deleted == 2
    left = {blob.name async for blob in container.list_blobs()}
    assert left == {stays, f"{shipped.app}/readme.txt", f"{shipped.app}x/20200101/a.jsonl.gz"}
    rows = [facts.blob async for facts in shipped.logs.index.files(shipped.app, old - timedelta(days=1), now)]
    assert rows == [stays]
    assert not set(gone) & left


async def test_retention_goes_on_where_its_time_was_over(shipped: Shipped) -> None:
    now = datetime.now(UTC)
    for number in range(1, 7):
        await shipped.put("old.1.1", number, [line(now - timedelta(days=40))])
    ticks = iter(range(1000))
    sweep = sweep_at(shipped, now, keep_days=30, longest_s=3.5, monotonic=lambda: float(next(ticks)))
    await sweep.run()
    container = shipped.logs.blobs.get_container_client(shipped.logs.settings.container)
    left = len([blob async for blob in container.list_blobs()])
    assert 0 < left < 6
    await sweep_at(shipped, now, longest_s=1000.0).run()
    assert [blob async for blob in container.list_blobs()] == []


async def test_a_blob_on_which_somebody_holds_a_lease_is_kept(shipped: Shipped) -> None:
    now = datetime.now(UTC)
    name = await shipped.put("old.1.1", 1, [line(now - timedelta(days=40))])
    await shipped.put("old.1.1", 2, [line(now - timedelta(days=40))])
    blob = shipped.logs.blobs.get_blob_client(shipped.logs.settings.container, name)
    await blob.acquire_lease()
    assert (await sweep_at(shipped, now, keep_days=30).run()).deleted == 1
    assert await blob.exists()
