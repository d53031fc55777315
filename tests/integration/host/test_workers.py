"""Worker processes: crashes, time limits, the end of the host, draining."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.support.host import RunningHost, functions_host, wait_until, write_app

APP = """
COUNT = {"running": 0}

@app.route(route="pid")
async def pid(req: func.HttpRequest) -> str:
    return "pid " + str(os.getpid())

@app.route(route="crash")
async def crash(req: func.HttpRequest) -> str:
    logging.warning("last words")
    os._exit(3)

@app.route(route="wait")
async def wait(req: func.HttpRequest) -> str:
    logging.warning("waiting %s", req.params.get("name", ""))
    await asyncio.sleep(float(req.params["s"]))
    return "waited " + str(os.getpid())

@app.route(route="hold")
async def hold(req: func.HttpRequest) -> str:
    logging.warning("holding")
    while not os.path.exists("go"):
        await asyncio.sleep(0.01)
    return "held " + str(os.getpid())

@app.route(route="block")
async def block(req: func.HttpRequest) -> str:
    logging.warning("blocking")
    time.sleep(60)
    return ""

@app.route(route="sync")
def sync(req: func.HttpRequest) -> str:
    COUNT["running"] += 1
    most = COUNT["running"]
    time.sleep(0.2)
    COUNT["running"] -= 1
    return f"at once: {most}"

@app.route(route="child")
async def child(req: func.HttpRequest) -> str:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    logging.warning("child %d", process.pid)
    await process.wait()
    return ""
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path, APP)


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def get(client: aiohttp.ClientSession, host: RunningHost, path: str) -> tuple[int, str]:
    async with client.get(f"{host.url}/api/{path}") as response:
        return response.status, await response.text()


async def printed(host: RunningHost, text: str) -> str:
    return await asyncio.to_thread(host.wait_for_line, text)


async def stopped_listening(host: RunningHost) -> None:
    """Wait until the host takes no connection any more."""
    async with asyncio.timeout(15):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", host.port)
                writer.close()
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                pass  # it stopped in this moment
            await asyncio.sleep(0.01)


async def test_a_crashed_worker_is_replaced(app: Path, client: aiohttp.ClientSession) -> None:
    with functions_host(app) as host:
        (first,) = host.worker_pids()
        other = asyncio.create_task(get(client, host, "wait?s=60"))
        await printed(host, "waiting")
        assert await get(client, host, "crash") == (500, "")
        assert await other == (500, "")  # its neighbours are lost with it
        await printed(host, "[Function.crash] [WARNING] last words")
        await printed(host, f"Worker process {first} ended by itself (exit code 3). Replacing it.")
        # A request waits for the new worker.
        assert await get(client, host, "pid") == (200, f"pid {host.worker_pids()[0]}")
        assert host.worker_pids() != [first]
        assert psutil.pid_exists(host.process.pid)


async def test_a_worker_that_does_not_come_back_is_tried_again(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    source = (
        APP
        + """
if os.path.exists("broken"):
    raise RuntimeError("broken on purpose")
"""
    )
    app = write_app(tmp_path, source)
    with functions_host(app) as host:
        (app / "broken").touch()
        await get(client, host, "crash")
        await printed(host, "Trying again in 1 s.")
        assert "RuntimeError: broken on purpose" in host.text
        waiting = asyncio.create_task(get(client, host, "pid"))
        (app / "broken").unlink()
        assert (await waiting)[0] == 200


async def test_an_app_that_changed_is_not_run_by_a_new_worker(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    app = write_app(tmp_path, APP)
    with functions_host(app) as host:
        write_app(tmp_path, APP.replace('route="pid"', 'route="changed"'))
        await get(client, host, "crash")
        await printed(host, "a worker process indexed other functions than the host runs")


async def test_function_timeout_recycles_the_worker(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    app = write_app(tmp_path, APP, host_json={"functionTimeout": "00:00:03"})
    with functions_host(app) as host:
        (first,) = host.worker_pids()
        started = time.monotonic()
        long = asyncio.create_task(get(client, host, "wait?s=60&name=long"))
        await printed(host, "waiting long")
        neighbour = asyncio.create_task(get(client, host, "wait?s=60"))
        assert (await long, await neighbour) == ((500, ""), (500, ""))
        assert 3 <= time.monotonic() - started < 30
        await printed(host, "Timeout value of 3 s (functionTimeout) exceeded by invocation")
        assert (await get(client, host, "pid"))[0] == 200
        assert host.worker_pids() != [first]
        # Less than the limit is no reason, also when it ends after the limit of an earlier one.
        assert [a[0] for a in await asyncio.gather(*(get(client, host, f"wait?s=1.{n}") for n in (0, 2)))] == [200, 200]


async def test_a_blocked_event_loop_is_recycled_too_with_what_it_started(
    tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    app = write_app(tmp_path, APP, host_json={"functionTimeout": "00:00:02"})
    with functions_host(app) as host:
        starting = asyncio.create_task(get(client, host, "child"))
        child = int((await printed(host, "[WARNING] child ")).split()[-1])
        assert await get(client, host, "block") == (500, "")
        assert await starting == (500, "")
        await asyncio.to_thread(wait_until, lambda: not _is_alive(child), what="the end of the child")


async def test_work_goes_to_the_worker_with_the_least(app: Path, client: aiohttp.ClientSession) -> None:
    with functions_host(app, {"FUNCTIONS_WORKER_PROCESS_COUNT": "2"}) as host:
        workers = set(host.worker_pids())
        assert len(workers) == 2
        calls = [asyncio.create_task(get(client, host, "hold")) for _ in range(4)]
        await asyncio.to_thread(host.wait_for_line, "holding", count=4)
        (app / "go").touch()
        answers = await asyncio.gather(*calls)
        pids = [int(text.split()[1]) for _, text in answers]
        assert sorted(map(pids.count, workers)) == [2, 2]


async def test_the_size_of_the_thread_pool(app: Path, client: aiohttp.ClientSession) -> None:
    with functions_host(app, {"PYTHON_THREADPOOL_THREAD_COUNT": "2"}) as host:
        answers = await asyncio.gather(*(get(client, host, "sync") for _ in range(6)))
        assert {text for _, text in answers} == {"at once: 1", "at once: 2"}


async def test_many_invocations_at_once(app: Path, client: aiohttp.ClientSession) -> None:
    with functions_host(app, args=["--workers", "2"]) as host:
        answers = await asyncio.gather(*(get(client, host, f"wait?s=0.{n % 3}") for n in range(200)))
        assert {status for status, _ in answers} == {200}


async def test_a_killed_host_leaves_no_worker(app: Path, client: aiohttp.ClientSession) -> None:
    with functions_host(app, args=["--workers", "2"]) as host:
        blocked = asyncio.create_task(get(client, host, "block"))
        await printed(host, "blocking")
        workers = host.worker_pids()
        host.process.kill()
        with pytest.raises(aiohttp.ClientError):
            await blocked
        await asyncio.to_thread(wait_until, lambda: not any(map(_is_alive, workers)), what="the end of the workers")


async def test_a_stopped_host_lets_running_functions_finish(app: Path, client: aiohttp.ClientSession) -> None:
    with functions_host(app) as host:
        (worker,) = host.worker_pids()
        running = asyncio.create_task(get(client, host, "hold"))
        await printed(host, "holding")
        os.kill(host.process.pid, signal.SIGTERM)
        await stopped_listening(host)
        assert not running.done()
        (app / "go").touch()
        assert await running == (200, f"held {worker}")
        assert await asyncio.to_thread(host.process.stop) == 0
        assert not _is_alive(worker)


async def test_the_grace_time_ends(app: Path, client: aiohttp.ClientSession) -> None:
    with functions_host(app, args=["--grace", "0.5"]) as host:
        (worker,) = host.worker_pids()
        running = asyncio.create_task(get(client, host, "wait?s=60"))
        await printed(host, "waiting")
        started = time.monotonic()
        assert await asyncio.to_thread(host.process.stop) == 0
        assert time.monotonic() - started < 20  # less than the usual grace time, and than the call
        assert await running == (500, "")
        assert "The grace time is over: invocations that still run are cut off." in host.text
        assert not _is_alive(worker)


async def test_a_second_signal_ends_the_grace_time(app: Path, client: aiohttp.ClientSession) -> None:
    with functions_host(app, args=["--grace", "60"]) as host:
        running = asyncio.create_task(get(client, host, "wait?s=60"))
        await printed(host, "waiting")
        os.kill(host.process.pid, signal.SIGINT)
        await stopped_listening(host)
        assert not running.done()
        os.kill(host.process.pid, signal.SIGINT)
        assert await running == (500, "")
        assert await asyncio.to_thread(host.process.stop) == 0


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
