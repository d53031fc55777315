"""What can go wrong around admission, on the whole stack: nothing is lost, nothing runs twice, the quota holds."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator

import psutil
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.stack_parts import DEPLOYMENT
from shared.bootstrap import Backend, connect
from shared.config import Settings
from shared.jobs.call_reports import CallReport, CallReports
from shared.messages import RunTicket
from tests.e2e.site import JOB_TOKENS, Site, site, unique_name

Record = Callable[[str, object], None]
TPM = 1_000_000


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One system for all, its quota far above what they need. The sweep is as in the cloud: once a minute."""
    with site(tmp_path_factory.mktemp("faults"), tpm=TPM, model_args=["--latency-ms", "50-150"]) as running:
        asyncio.run(running.warm())
        yield running


@pytest.fixture(autouse=True)
def counted_from_here(system: Site) -> None:
    system.control("POST", "reset")


@pytest.fixture
async def backend(system: Site) -> AsyncIterator[Backend]:
    connected = await connect(Settings.from_env(system.env))
    yield connected
    await connected.close()


async def test_jobs_that_come_as_the_pump_ends_need_no_sweep(
    system: Site, backend: Backend, record_property: Record
) -> None:
    took = []
    with (
        ServiceBusClient.from_connection_string(system.env["ServiceBusConnection"]) as client,
        client.get_queue_sender("feedback-in") as sender,
    ):
        for number in range(6):
            await asyncio.to_thread(_until_the_pump_ends, system)
            await asyncio.sleep(0.04 * number)  # from the moment itself to some time after
            job_id = f"{unique_name()}-{number}"
            sender.send_messages(ServiceBusMessage('{"text": "just now"}', message_id=job_id))
            took.append(await system.took_s(backend, job_id))
    record_property("figures", f"seconds, from the moment of the end to 0.2 s later: {[round(s, 2) for s in took]}")
    assert max(took) < 10, took


async def test_a_429_freezes_everybody_and_counts_as_no_attempt(
    system: Site, backend: Backend, record_property: Record
) -> None:
    fault = {"kind": "status", "status": 429, "headers": {"retry-after": "4", "retry-after-ms": None}}
    system.control("POST", "faults", [fault])
    before = (await system.status())["epoch"]
    ids = await asyncio.to_thread(system.jobs, 60)
    await system.ended(ids)
    status, stats = await system.status(), system.stats()
    records = [await backend.store.get("feedback", job_id) for job_id in ids]
    assert [r.attempt for r in records if r is not None] == [1] * len(ids)
    assert status["epoch"] == before + 1
    assert stats["by_status"] == {"429": 1, "200": len(ids)}
    at = next(s["t"] for s in stats["history"] if s["throttled"])
    silent = [s["t"] for s in stats["history"] if at + 1 < s["t"] < at + 3]
    assert silent == [], "calls that were under way apart, nobody calls"


async def test_a_429_that_the_counter_never_heard_of_stops_nothing_for_good(system: Site, backend: Backend) -> None:
    """The worker that got it wrote the row that all workers read, and died before it told the counter."""
    reports = CallReports(backend.tables, DEPLOYMENT)
    known = await reports.freeze()
    told = await reports.throttled(known.epoch, 1.0, time.time())
    assert told.epoch == known.epoch + 1
    await system.ended(await asyncio.to_thread(system.jobs, 10), timeout_s=40)
    assert (await system.status())["epoch"] == told.epoch


async def test_run_messages_that_come_twice_run_once(system: Site, backend: Backend) -> None:
    ids = await asyncio.to_thread(system.jobs, 10)
    await system.ended(ids)
    calls = system.stats()["calls"]
    now_s = time.time()
    with (
        ServiceBusClient.from_connection_string(system.env["ServiceBusConnection"]) as client,
        client.get_queue_sender("feedback-run") as sender,
    ):
        for number, job_id in enumerate(ids * 2):
            ticket = RunTicket("feedback", job_id, 1, 1, JOB_TOKENS, now_s + 0.5, 2.0, 10**6)
            # Under ids of their own, as if duplicate detection had forgotten the first ones.
            sender.send_messages(ServiceBusMessage(ticket.encode(), message_id=f"again-{job_id}-{number}"))
    await asyncio.to_thread(_until, lambda: system.log.count("ticket_ignored") >= 20)
    assert system.stats()["calls"] == calls
    await system.ended(ids)


async def test_reports_that_come_twice_change_little(system: Site, backend: Backend) -> None:
    reports = CallReports(backend.tables, DEPLOYMENT)
    before = (await system.status())["used_tokens"]
    start_s = time.time() - 1
    ticket = RunTicket("feedback", "reported-twice", 1, 1, 5_000, start_s, 2.0, 0)
    for _ in range(2):
        await reports.put(ticket, CallReport(start_s, 5_000, 0, sent_s=start_s))
        await reports.put(ticket, CallReport(start_s, 5_000, 0, start_s, None, None, True, 900_000, 10, 10))
        await system.ended(await asyncio.to_thread(system.jobs, 5))
    await asyncio.to_thread(_until_the_pump_ends, system)
    assert await reports.read() == [], "told, and forgotten"
    assert (await system.status())["used_tokens"] <= before + 2 * 5_000 + 11 * JOB_TOKENS


async def test_limits_can_be_lowered_while_jobs_run(system: Site, record_property: Record) -> None:
    """The endpoint enforces the lower limit, too: if one call were let through that doesn't fit, it would say 429."""
    ids = await asyncio.to_thread(system.jobs, 200)
    await asyncio.to_thread(system.until_charged, 10 * JOB_TOKENS)
    lowered = await _counted(system) + 30_000
    code, answer = await system.tokens("limits", {"tpm": lowered}, method="PUT")
    assert (code, answer["limits"]["tpm"]) == (200, lowered)
    system.control("PUT", "limits", {"tpm": max(lowered, await _counted(system)) + 20_000})
    await asyncio.sleep(15)  # all that can be booked now has started
    waiting = (await system.status())["pending"].get("shop", 0)
    throttled = system.stats()["throttled"]
    system.control("PUT", "limits", {"tpm": TPM})
    code, answer = await system.tokens("limits", {"tpm": TPM}, method="PUT")
    assert (code, answer["limits"]["tpm"]) == (200, TPM)
    await system.ended(ids)
    record_property("figures", f"{waiting} of {len(ids)} calls waited for the lowered quota; {throttled} 429s")
    assert waiting * JOB_TOKENS > 60_000, "the lower limit binds"
    assert throttled == 0


@pytest.mark.parametrize("away_s", [10, pytest.param(30, marks=[pytest.mark.accept, pytest.mark.timeout(600)])])
async def test_storage_away_loses_nothing(system: Site, away_s: int, record_property: Record) -> None:
    ids = await asyncio.to_thread(system.jobs, 60)
    await asyncio.to_thread(system.until_charged, 5 * JOB_TOKENS)
    system.storage.kill()
    begin = time.monotonic()
    await asyncio.sleep(away_s)
    system.storage.start()
    ledger = await system.ended(ids, timeout_s=150)
    stats = system.stats()
    record_property(
        "figures",
        f"storage away for {away_s} s: all ended {time.monotonic() - begin - away_s:.0f} s after it was back, "
        f"{stats['calls']} calls for {len(ids)} jobs; {ledger.summary()}",
    )
    assert stats["throttled"] == 0


async def test_a_host_killed_between_booking_and_report_loses_nothing(system: Site, record_property: Record) -> None:
    system.control("POST", "faults", [{"kind": "delay", "delay_ms": 3000, "count": 200}])
    ids = await asyncio.to_thread(system.jobs, 40)
    await asyncio.to_thread(_until, lambda: system.stats()["in_flight"] >= 8)
    part = system.stack.parts["host"]
    starts = part.starts
    psutil.Process(part.pid).kill()
    await asyncio.to_thread(part.wait_ready, starts + 1)
    system.control("DELETE", "faults")
    ledger = await system.ended(ids, timeout_s=120)
    record_property("figures", ledger.summary())
    assert ledger.interruptions > 0, "calls were under way"
    assert system.stats()["throttled"] == 0


async def _counted(system: Site) -> int:
    """Tokens that count in the counter's window, now or soon."""
    status = await system.status()
    return int(status["used_tokens"] + status["booked_ahead_tokens"])


def _until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _until_the_pump_ends(system: Site) -> None:
    """Its last cycle asks for nothing; it may have been that already."""

    def ended() -> bool:
        cycles = re.findall(r"pump_cycle booked=(\d+) asked=(\d+)", system.log)
        return bool(cycles) and cycles[-1] == ("0", "0")

    _until(ended)
