"""What can go wrong around admission, on the whole stack: nothing is lost, nothing runs twice, the quota holds."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.stack_parts import DEPLOYMENT
from shared.bootstrap import Backend, connect
from shared.config import Settings
from shared.jobs.call_reports import CallReport, CallReports
from shared.messages import RunTicket
from tests.e2e.site import JOB_TOKENS, Site, site, unique_name, until

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


@pytest.mark.parametrize("rounds", [pytest.param(3, id="few"), pytest.param(12, id="many", marks=[pytest.mark.accept])])
async def test_jobs_that_come_as_the_pump_ends_need_no_sweep(
    system: Site, backend: Backend, rounds: int, record_property: Record
) -> None:
    took = []
    with (
        ServiceBusClient.from_connection_string(system.env["ServiceBusConnection"]) as client,
        client.get_queue_sender("feedback-in") as sender,
    ):
        for number in range(rounds):
            await asyncio.to_thread(_until_the_pump_ends, system)
            await asyncio.sleep(0.2 * number / (rounds - 1))  # from the moment itself to some time after
            job_id = f"{unique_name()}-{number}"
            sender.send_messages(ServiceBusMessage('{"text": "just now"}', message_id=job_id))
            took.append(await system.took_s(backend, job_id))
    record_property("figures", f"seconds, from the moment of the end to 0.2 s later: {[round(s, 2) for s in took]}")
    assert max(took) < 10, took


async def test_a_429_freezes_everybody_and_counts_as_no_attempt(
    system: Site, backend: Backend, record_property: Record
) -> None:
    fault = {"kind": "status", "status": 429, "headers": {"retry-after": "6", "retry-after-ms": None}}
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
    silent = [s["t"] for s in stats["history"] if at + 2 < s["t"] < at + 5]
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
    await asyncio.to_thread(until, lambda: system.log.count("ticket_ignored") >= 20)
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
    assert start_s not in [report.start_s for report in await reports.read()], "told, and forgotten"
    assert (await system.status())["used_tokens"] <= before + 2 * 5_000 + 11 * JOB_TOKENS


@pytest.mark.accept
async def test_limits_can_be_lowered_while_jobs_run(system: Site, record_property: Record) -> None:
    """The endpoint enforces the lower limit, too: if one call were let through that doesn't fit, it would say 429."""
    # By its pace, this quota books no more than 92 of the jobs at once.
    assert (await system.tokens("limits", {"tpm": 400_000}, method="PUT"))[0] == 200
    ids = await asyncio.to_thread(system.jobs, 240)
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


async def _counted(system: Site) -> int:
    """Tokens that count in the counter's window, now or soon."""
    status = await system.status()
    return int(status["used_tokens"] + status["booked_ahead_tokens"])


def _until_the_pump_ends(system: Site) -> None:
    """Its last cycle asks for nothing; it may have been that already."""

    def ended() -> bool:
        cycles = re.findall(rf"pump_cycle deployment={DEPLOYMENT} asked=(\d+) booked=(\d+)", system.last_of_log)
        return bool(cycles) and cycles[-1] == ("0", "0")

    until(ended)
