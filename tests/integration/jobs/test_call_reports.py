"""Reports of calls and the shared freeze on real tables."""

import asyncio
from dataclasses import replace

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.jobs.call_reports import CallReport, CallReports
from shared.jobs.pending import PendingTable
from shared.messages import RunTicket
from shared.quota.admission import MAX_HEARD
from shared.quota.freeze import Freeze
from shared.storage.server_clock import etag_time_s

START_S = 1_790_000_000.25


@pytest.fixture
def reports(tables: TableServiceClient, deployment: str) -> CallReports:
    return CallReports(tables, deployment)


def ticket(job_id: str = "j1", booking: int = 1, start_s: float = START_S) -> RunTicket:
    return RunTicket("feedback", job_id, 1, booking, 100, start_s, 2.0, 3)


FULL = CallReport(START_S, 100, 3, sent_s=START_S + 0.1, missed_s=1.5, late_s=0.25)
ANSWERED = CallReport(START_S, 100, 3, START_S + 0.1, None, None, True, 9_900, 80, 20)


async def test_both_reports_of_a_call_come_back_as_they_were(reports: CallReports) -> None:
    assert await reports.read() == []
    await reports.put(ticket(), FULL)
    await reports.put(ticket(), ANSWERED)
    first, second = await reports.read()
    assert (replace(first, key=""), replace(second, key="")) == (FULL, ANSWERED)
    assert first.key != second.key


async def test_a_report_that_is_repeated_replaces_the_first(reports: CallReports) -> None:
    await reports.put(ticket(), FULL)
    await reports.put(ticket(), CallReport(START_S, 100, 3))
    assert [replace(r, key="") for r in await reports.read()] == [CallReport(START_S, 100, 3)]


async def test_calls_of_one_job_side_by_side_have_reports_of_their_own(reports: CallReports) -> None:
    for call in ("booked-1", "booked-2", ""):
        await reports.put(RunTicket("k", "j", 1, 1, 10, 5.0, call=call), CallReport(5.0, 10, 0, 5.1))
    assert len(await reports.read()) == 3


async def test_nonsense_of_the_endpoint_can_be_kept(reports: CallReports) -> None:
    await reports.put(ticket(), replace(ANSWERED, remaining_tokens=10**17, prompt_tokens=10**12))
    (read,) = await reports.read()
    assert (read.remaining_tokens, read.prompt_tokens, read.completion_tokens) == (2**31 - 1, 2**31 - 1, 20)


async def test_calls_have_reports_of_their_own_oldest_first(reports: CallReports) -> None:
    tickets = [ticket("b", 1, START_S + 5), ticket("a", 2, START_S), ticket("a", 1, START_S - 5), ticket("ü/?#", 1)]
    for one in tickets:
        await reports.put(one, CallReport(one.start_s, 1, 0))
    starts = [report.start_s for report in await reports.read()]
    assert len(starts) == 4
    assert starts == sorted(starts)


async def test_rows_are_removed_by_their_keys(
    reports: CallReports, tables: TableServiceClient, deployment: str
) -> None:
    await reports.put(ticket(), FULL)
    await reports.put(ticket("other"), FULL)
    keys = [report.key for report in await reports.read()]
    await PendingTable(tables).remove(deployment, keys[:1])
    assert [report.key for report in await reports.read()] == keys[1:]
    assert await PendingTable(tables).count(deployment, 10) == {}, "reports are no pending calls"


async def test_reading_ends_at_what_one_cycle_may_hear(reports: CallReports) -> None:
    turns = asyncio.Semaphore(16)

    async def put(number: int) -> None:
        async with turns:
            await reports.put(ticket(f"j{number}", 1, START_S + number), replace(FULL, start_s=START_S + number))

    await asyncio.gather(*(put(number) for number in range(2 * MAX_HEARD + 20)))
    read = await reports.read()
    assert [report.start_s for report in read] == [START_S + number for number in range(2 * MAX_HEARD)]


async def test_a_429_freezes_everybody(reports: CallReports, tables: TableServiceClient, deployment: str) -> None:
    assert await reports.freeze() == Freeze()
    assert await reports.throttled(0, 20.0, 1000.0) == Freeze(1, 1020.0)
    assert await CallReports(tables, deployment).freeze() == Freeze(1, 1020.0)
    assert await CallReports(tables, "another").freeze() == Freeze()


async def test_concurrent_429s_never_take_the_freeze_back(reports: CallReports) -> None:
    seen: list[Freeze] = []
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            seen.append(await reports.freeze())

    async def throttle(number: int) -> Freeze:
        return await reports.throttled(number % 4, float(1 + number % 7), 1000.0 + number)

    watching = asyncio.create_task(watch())
    told = await asyncio.gather(*(throttle(number) for number in range(24)))
    done.set()
    await watching
    last = await reports.freeze()
    assert last == Freeze(4, max(1000.0 + n + 1 + n % 7 for n in range(24)))
    assert all(freeze.epoch <= last.epoch and freeze.until_s <= last.until_s for freeze in told)
    assert [f.epoch for f in seen] == sorted(f.epoch for f in seen)
    assert [f.until_s for f in seen] == sorted(f.until_s for f in seen)


async def test_touching_tells_the_servers_time(reports: CallReports) -> None:
    first, second = etag_time_s(await reports.touch()), etag_time_s(await reports.touch())
    assert first is not None
    assert second is not None
    assert 0 <= second - first < 60
