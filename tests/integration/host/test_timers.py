"""Timers on a running host, their leases and status in Azurite."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from azure.storage.blob.aio import BlobServiceClient

from local.host.app_settings import host_id
from local.host.schedule import CronSchedule
from local.host.singleton import ListenerLock
from local.host.timer_status import HOSTS_CONTAINER, TimerStatus, TimerStatusStore, ensure_container
from tests.support.azurite import Azurite, azurite
from tests.support.host import functions_host, write_app

APP = """
def show(name, timer):
    logging.info("%s %s", name, json.dumps([timer.past_due, timer.schedule, timer.schedule_status]))

@app.timer_trigger(arg_name="timer", schedule="%TICK%")
def each_second(timer: func.TimerRequest) -> None:
    show("each_second", timer)

@app.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
async def hourly(timer: func.TimerRequest) -> None:
    show("hourly", timer)

@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
async def yearly(timer: func.TimerRequest, context: func.Context) -> None:
    show(f"yearly {context.retry_context.retry_count}/{context.retry_context.max_retry_count}", timer)
    if context.retry_context.retry_count < 2:
        raise RuntimeError("try again")
"""
YEARLY = "yearly 2/2"


@pytest.fixture(scope="module")
def storage() -> Iterator[Azurite]:
    with azurite() as running:
        yield running


@pytest.fixture
async def blobs(storage: Azurite) -> AsyncIterator[BlobServiceClient]:
    async with BlobServiceClient.from_connection_string(storage.connection_string) as client:
        yield client


async def test_timers(tmp_path: Path, storage: Azurite, blobs: BlobServiceClient) -> None:
    app = write_app(tmp_path, APP, settings={"TICK": "* * * * * *"})
    environ = {"AzureWebJobsStorage": storage.connection_string, "AzureFunctionsWebHost__hostid": "timers"}
    # The host was down for two hours.
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    last = hour - timedelta(hours=2)
    store = TimerStatusStore(blobs, "timers", "hourly")
    await store.save(TimerStatus(last, last + timedelta(hours=1), last))
    with functions_host(app, environ) as host:
        await asyncio.to_thread(host.wait_for_line, "[INFO] each_second", count=2)
        line = await asyncio.to_thread(host.wait_for_line, "[Function.hourly] [INFO] hourly")
        past_due, schedule, status = json.loads(line.partition(" hourly ")[2])
        assert (past_due, schedule) == (True, {"AdjustForDST": True})
        assert datetime.fromisoformat(status["Last"]) == last
        await asyncio.to_thread(host.wait_for_line, YEARLY)
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{host.url}/admin/functions/HOURLY", json={"input": ""}) as response:
                assert response.status == 202
            async with session.post(f"{host.url}/admin/functions/hourly", data="no json") as response:
                assert response.status == 400
        by_hand = await asyncio.to_thread(host.wait_for_line, "[INFO] hourly ", count=2)
        assert json.loads(by_hand.partition(" hourly ")[2])[0] is False
        ticks = [line for line in host.lines if "[INFO] each_second" in line]
        assert json.loads(ticks[0].partition(" each_second ")[2]) == [False, {"AdjustForDST": True}, {}]
    assert host.process.stop() == 0
    saved = await store.load()
    assert saved is not None
    assert saved.next == CronSchedule("0 0 * * * *").next_after(saved.last)
    # The leases were given back.
    container = blobs.get_container_client(HOSTS_CONTAINER)
    states = {b.name: b.lease.state async for b in container.list_blobs("locks/timers/")}
    assert states == {
        f"locks/timers/Host.Functions.{n}.Listener": "available" for n in ("each_second", "hourly", "yearly")
    }


async def test_two_hosts_share_a_timer(tmp_path: Path, storage: Azurite) -> None:
    app = write_app(tmp_path, APP, settings={"TICK": "* * * * * *"})
    environ = {"AzureWebJobsStorage": storage.connection_string, "AzureFunctionsJobHost__functions__0": "each_second"}
    with functions_host(app, environ) as first, functions_host(app, environ) as second:
        await asyncio.to_thread(first.wait_for_line, "[INFO] each_second", count=2)
        await asyncio.to_thread(
            second.wait_for_line, "Timer 'each_second' does not run here yet: another host holds its"
        )
        assert "[INFO] each_second" not in second.text


async def test_the_lease_passes_on(blobs: BlobServiceClient) -> None:
    first, second = (ListenerLock(blobs, "passing", "tick", 15.0, poll_s=0.05) for _ in range(2))
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.3)
    await first.release()
    await asyncio.wait_for(waiting, 5)
    await second.release()


async def test_a_broken_lease_is_noticed(blobs: BlobServiceClient) -> None:
    lock = ListenerLock(blobs, "breaking", "tick", 15.0)
    await lock.acquire()
    blob = blobs.get_blob_client(HOSTS_CONTAINER, "locks/breaking/Host.Functions.tick.Listener")
    await blob.delete_blob(lease=lock._lease)
    await blob.upload_blob(b"")
    await (await blob.acquire_lease(15)).renew()
    lock._lock_s = 0.1
    await asyncio.wait_for(lock.keep(), 5)
    await lock.release()


async def test_a_status_that_cannot_be_read_is_replaced(blobs: BlobServiceClient) -> None:
    container = blobs.get_container_client(HOSTS_CONTAINER)
    await ensure_container(container)
    store = TimerStatusStore(blobs, "odd", "tick")
    assert await store.load() is None
    for content in (b"", b"[]", b'{"Last": 5}', b'{"Last": "x", "Next": "y", "LastUpdated": "z"}', b"\xff"):
        await container.upload_blob("timers/odd/Host.Functions.tick/status", content, overwrite=True)
        assert await store.load() is None


def test_without_storage_the_host_starts_and_the_timer_waits(tmp_path: Path) -> None:
    app = write_app(tmp_path, APP, settings={"TICK": "* * * * * *"})
    account = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a;"
    environ = {"AzureWebJobsStorage": account, "AzureFunctionsJobHost__functions__0": "each_second"}
    with functions_host(app, environ) as host:
        host.wait_for_line("Timer 'each_second' does not run here yet: storage can't be used")
        assert host.process.stop() == 0


def test_the_default_host_id_is_part_of_the_paths(tmp_path: Path) -> None:
    assert host_id(tmp_path, {}).rpartition("-")[2].isdecimal()
