"""A page of very many jobs costs what one of a few does."""

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.jobs.finder import JobFinder
from shared.jobs.job_list import JobList, ListQuery
from shared.jobs.list_entry import LIST_TABLE, ListEntry
from shared.jobs.record import JobRecord, JobState
from shared.jobs.store import JOBS_TABLE, TableJobStore
from shared.messages import Envelope
from shared.storage.payloads import Payload
from tests.support.azurite import Azurite, azurite

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = 50
MEASURED = 30

type Rows = dict[tuple[str, str], list[dict[str, Any]]]


@pytest.fixture
def alone() -> Iterator[Azurite]:
    """Not the one of other tests: this one grows."""
    with azurite() as found:
        yield found


@pytest.mark.accept
@pytest.mark.timeout(1800)
async def test_the_first_page_of_100_000_jobs(alone: Azurite, record_property: Callable[[str, object], None]) -> None:
    async with TableServiceClient.from_connection_string(alone.connection_string) as service:
        job_list = JobList(service)
        store = TableJobStore(service, job_list)
        await store.prepare()
        await fill(service, "few", 1_000)
        await fill(service, "many", 100_000)
        finder = JobFinder(store, job_list, lambda: datetime.now(UTC))
        took: dict[str, list[float]] = {"few": [], "many": []}
        for _ in range(MEASURED):
            for kind, times in took.items():  # in turn, so that both see the same machine
                begun_s = time.perf_counter()
                page = await finder.page(ListQuery([kind], [JobState.SUCCEEDED]), PAGE)
                times.append(time.perf_counter() - begun_s)
                assert [record.job_id for record in page.records] == [f"{kind}-{n:06d}" for n in range(PAGE)]
                assert page.after is not None
    few, many = (statistics.median(times) * 1000 for times in took.values())
    figures = f"{few:.0f} ms of 1,000 jobs, {many:.0f} ms of 100,000 ({many / few:.2f} times)"
    record_property("figures", f"first page of {PAGE} by state: {figures}")
    assert many < 2 * few


async def fill(service: TableServiceClient, kind: str, count: int) -> None:
    """Jobs that have succeeded, written as the store and the list would have, many at once."""
    for some in batched(range(count), 10_000, strict=False):
        rows: Rows = defaultdict(list)
        for number in some:
            envelope = Envelope(f"{kind}-{number:06d}", app_id="shop")
            new = JobRecord.new(kind, envelope, Payload(2, "", inline="{}"), NOW - timedelta(seconds=number))
            job = new.changed(NOW, state=JobState.SUCCEEDED)
            rows[JOBS_TABLE, job.to_row()["PartitionKey"]].append(job.to_row())
            for row in ListEntry.of(job).rows(job.state):
                rows[LIST_TABLE, row["PartitionKey"]].append(row)
        await write(service, rows)


async def write(service: TableServiceClient, rows: Mapping[tuple[str, str], list[dict[str, Any]]]) -> None:
    turns = asyncio.Semaphore(8)

    async def one(table: str, part: tuple[dict[str, Any], ...]) -> None:
        async with turns:
            await service.get_table_client(table).submit_transaction([("create", row) for row in part])

    parts = [(table, part) for (table, _), found in rows.items() for part in batched(found, 100, strict=False)]
    await asyncio.gather(*(one(table, part) for table, part in parts))
