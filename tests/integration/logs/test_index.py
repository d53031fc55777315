"""The index of shipped logs in real tables: events twice and in any order, gaps, searches that read few blobs."""

import asyncio
import gzip
import hashlib
import json
import random
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.config import log_settings, storage_connections
from shared.log_services import LogServices, connect_logs
from shared.logs.search import LogQuery, SearchCount
from shared.logs.sequence import Arrived
from shared.logs.verify import LogState
from shared.telemetry.log_names import LogName
from tests.support.azurite import Azurite

DAY = datetime(2024, 3, 1, tzinfo=UTC)


class Shipped:
    """A container that lines are put into as the uploader does it."""

    def __init__(self, logs: LogServices, app: str) -> None:
        self.logs = logs
        self.app = app

    def name(self, instance: str, number: int, day: datetime = DAY) -> str:
        return f"{self.app}/{day:%Y%m%d}/{LogName(self.app, instance, f'{day:%Y%m%d}', number)}.gz"

    async def put(self, instance: str, number: int, lines: list[dict[str, Any]], *, index: bool = True) -> str:
        day = datetime.fromisoformat(lines[0]["time"])
        name = self.name(instance, number, day)
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        metadata = {"sha256": hashlib.sha256(content).hexdigest(), "lines": str(len(lines))}
        container = self.logs.blobs.get_container_client(self.logs.settings.container)
        if not await container.exists():
            await container.create_container()
        await container.upload_blob(name, gzip.compress(content), metadata=metadata)
        if index:
            assert await self.logs.index_blob(name) is not None
        return name

    async def find(self, **conditions: Any) -> tuple[list[dict[str, Any]], SearchCount]:
        query = {"since": DAY, "until": DAY + timedelta(days=1), "app": self.app, **conditions}
        counted = SearchCount()
        return [line.fields async for line in self.logs.search.lines(LogQuery(**query), counted)], counted


@pytest.fixture
async def shipped(shared_azurite: Azurite, tmp_path: Path) -> AsyncIterator[Shipped]:
    app = f"app{secrets.token_hex(4)}"
    env = {
        "AzureWebJobsStorage": shared_azurite.connection_string,
        "SLUICE_LOGS_APP": app,
        "SLUICE_LOGS_DIR": str(tmp_path),
        "SLUICE_LOGS_CONTAINER": f"logs-{app}",
    }
    logs = connect_logs(log_settings(env), *storage_connections(env))
    yield Shipped(logs, app)
    await logs.close()


def line(at: datetime, text: str = "x", level: str = "INFO", **more: Any) -> dict[str, Any]:
    return {"time": at.isoformat(), "level": level, "message": text, **more}


async def test_events_twice_and_in_any_order(shipped: Shipped) -> None:
    names = [await shipped.put("vm.1.1", n, [line(DAY + timedelta(minutes=n))], index=False) for n in range(1, 13)]
    told = [name for name in names if not name.endswith("000005.jsonl.gz")] * 3
    random.Random(1).shuffle(told)
    await asyncio.gather(*(shipped.logs.index_blob(name) for name in told))
    facts = await shipped.logs.index.instance(shipped.app, "vm.1.1")
    assert facts is not None
    assert facts.arrived == Arrived(((1, 4), (6, 12)))
    assert facts.lines == 11
    assert facts.missing(datetime.now(UTC) + timedelta(hours=1)) == [(5, 5)]
    assert facts.missing(datetime.now(UTC) - timedelta(hours=1)) == [], "it may still be on its way"
    found, counted = await shipped.find()
    assert len(found) == 11
    assert counted.files == 11
    await shipped.logs.index_blob(names[4])
    facts = await shipped.logs.index.instance(shipped.app, "vm.1.1")
    assert facts is not None
    assert facts.missing_count(datetime.now(UTC) + timedelta(hours=1)) == 0


async def test_a_rotation_that_was_begun_and_never_came(shipped: Shipped) -> None:
    await shipped.put("vm.1.1", 1, [line(DAY)])
    begun_at = datetime.now(UTC) - timedelta(hours=1)
    await shipped.logs.index.announce(shipped.app, "vm.1.1", 2, begun_at)
    facts = await shipped.logs.index.instance(shipped.app, "vm.1.1")
    assert facts is not None
    assert facts.missing(begun_at) == []
    assert facts.missing(begun_at + timedelta(minutes=1)) == [(2, 2)]


async def test_searches_read_only_blobs_that_can_match(shipped: Shipped) -> None:
    for number in range(1, 11):
        at = DAY + timedelta(hours=number)
        lines = [line(at + timedelta(seconds=s), job_id=f"job-{number}") for s in range(3)]
        await shipped.put("vm.1.1", number, lines)
        await shipped.put("vm.2.1", number, [line(at, "other", level="ERROR", fields={"job_id": "job-3"})])

    found, counted = await shipped.find(job_id="job-3")
    assert [found_line.get("job_id") for found_line in found].count("job-3") == 3
    assert len(found) == 13
    assert counted.blobs == 11

    found, counted = await shipped.find(job_id="job-3", instance="vm.1")
    assert (len(found), counted.blobs) == (3, 1)
    found, counted = await shipped.find(since=DAY + timedelta(hours=9, minutes=30))
    assert (len(found), counted.blobs, counted.files) == (4, 2, 2)
    found, counted = await shipped.find(until=DAY + timedelta(hours=1, seconds=1))
    assert (len(found), counted.blobs) == (3, 2)
    found, counted = await shipped.find(level="ERROR")
    assert (len(found), counted.blobs) == (10, 10)
    found, counted = await shipped.find(text="OTHER", since=DAY + timedelta(hours=10))
    assert (len(found), counted.blobs) == (1, 2)
    found, counted = await shipped.find(app="no-such-app")
    assert (found, counted.files) == ([], 0)


async def test_lines_come_in_order_of_time_over_all_instances(shipped: Shipped) -> None:
    for instance in range(4):
        for number in range(1, 6):
            at = [DAY + timedelta(seconds=10 * number + s + instance / 10) for s in range(12)]
            await shipped.put(f"vm.{instance}.1", number, [line(moment) for moment in at])
    found, _ = await shipped.find()
    assert len(found) == 4 * 5 * 12
    times = [found_line["time"] for found_line in found]
    assert times == sorted(times)
    last = await shipped.logs.search.last(LogQuery(DAY, DAY + timedelta(days=1), app=shipped.app), 7)
    assert [found_line.fields["time"] for found_line in last] == times[-7:]


async def test_a_file_over_midnight_is_found_from_both_days(shipped: Shipped) -> None:
    before, after = DAY - timedelta(seconds=5), DAY + timedelta(seconds=5)
    await shipped.put("vm.1.1", 1, [line(before, "yesterday"), line(after, "today")])
    found, _ = await shipped.find(since=DAY, until=DAY + timedelta(minutes=1))
    assert [found_line["message"] for found_line in found] == ["today"]
    found, _ = await shipped.find(since=DAY - timedelta(minutes=1), until=DAY)
    assert [found_line["message"] for found_line in found] == ["yesterday"]


async def test_many_jobs_in_a_file(shipped: Shipped) -> None:
    lines = [line(DAY + timedelta(milliseconds=n), job_id=f"run-{n:05d}") for n in range(3_000)]
    await shipped.put("vm.1.1", 1, lines)
    found, counted = await shipped.find(job_id="run-01234")
    assert (len(found), counted.blobs) == (1, 1)
    found, counted = await shipped.find(job_id="another")
    assert (found, counted.blobs) == ([], 0)


async def test_a_damaged_blob_is_indexed_as_such_and_searched_as_far_as_possible(shipped: Shipped) -> None:
    name = await shipped.put("vm.1.1", 1, [line(DAY)], index=False)
    blob = shipped.logs.blobs.get_blob_client(shipped.logs.settings.container, name)
    metadata = (await blob.get_blob_properties()).metadata
    content = json.dumps(line(DAY, "still here")).encode() + b"\nrubbish\n"
    await blob.upload_blob(gzip.compress(content), metadata=metadata, overwrite=True)
    facts = await shipped.logs.index_blob(name)
    assert facts is not None
    assert (facts.state, facts.problem) == (LogState.DAMAGED, "its hash isn't that of what was sent")
    found, _ = await shipped.find()
    assert found[0]["message"] == "still here"


async def test_a_blob_that_is_gone_is_left_out(shipped: Shipped) -> None:
    name = await shipped.put("vm.1.1", 1, [line(DAY)])
    await shipped.put("vm.1.1", 2, [line(DAY + timedelta(seconds=1))])
    await shipped.logs.blobs.get_blob_client(shipped.logs.settings.container, name).delete_blob()
    found, counted = await shipped.find()
    assert (len(found), counted.gone) == (1, 1)
    assert await shipped.logs.index_blob(name) is None


async def test_every_app_is_searched_where_none_is_named(shipped: Shipped) -> None:
    await shipped.put("vm.1.1", 1, [line(DAY, "find me")])
    found, _ = await shipped.find(app=None, text="find me")
    assert len(found) >= 1
