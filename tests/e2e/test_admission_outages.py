"""Storage away, a host killed: whatever was booked, under way or not reported yet, each job ends once."""

import asyncio
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.e2e.site import JOB_TOKENS, Site, site, until

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("outages"), tpm=1_000_000, model_args=["--latency-ms", "50-150"]) as running:
        yield running


@pytest.fixture(autouse=True)
def counted_from_here(system: Site) -> None:
    system.control("POST", "reset")


@pytest.mark.parametrize("away_s", [10, 30])
@pytest.mark.accept
@pytest.mark.timeout(600)
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
    await asyncio.to_thread(until, lambda: system.stats()["in_flight"] >= 8)
    part = system.stack.parts["host"]
    starts = part.starts
    psutil.Process(part.pid).kill()
    await asyncio.to_thread(part.wait_ready, starts + 1)
    system.control("DELETE", "faults")
    ledger = await system.ended(ids, timeout_s=120)
    record_property("figures", ledger.summary())
    assert ledger.interruptions > 0, "calls were under way"
    assert system.stats()["throttled"] == 0
