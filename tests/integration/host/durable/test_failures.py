"""Timeouts, workers and hosts that die, limits."""

import asyncio
import os
import signal
import time
import uuid
from pathlib import Path

from tests.support.azurite import Azurite, azurite
from tests.support.durable import Client, client_of, durable_host
from tests.support.host import wait_until

SETTING = "AzureFunctionsJobHost__extensions__durableTask__"


def lines(folder: Path) -> list[str]:
    trace = folder / "trace"
    return trace.read_text().splitlines() if trace.exists() else []


async def test_a_worker_that_dies_in_an_activity(client: Client) -> None:
    assert await client.run("one_activity", ["crash_once", {"key": uuid.uuid4().hex}]) == "survived"


async def test_a_worker_that_dies_in_an_episode(client: Client) -> None:
    assert await client.run("crashes_once") == "survived"


async def test_a_worker_that_dies_in_an_entity(client: Client) -> None:
    key = uuid.uuid4().hex
    assert await client.run("entity_call", [key, "crash", {"n": 1}]) == "survived"
    assert await client.operate("entity", key, name="Journal") == [True, ["after the crash"]]


async def test_function_timeout(tmp_path: Path, storage: Azurite) -> None:
    env = {"AzureFunctionsJobHost__functionTimeout": "00:00:01"}
    with durable_host(tmp_path, storage.connection_string, env=env) as host:
        async with client_of(host) as client:
            status = await client.result(await client.start("one_activity", ["block", 60]))
            assert status["runtimeStatus"] == "Failed"
            says = "Activity function 'block' failed: Timeout value of 00:00:01 was exceeded by function: "
            assert says + "Functions.block" in status["output"]
            status = await client.result(await client.start("entity_call", ["k", "slow", {"s": 60}]))
            assert status["runtimeStatus"] == "Failed"
            assert "Timeout value of 00:00:01 was exceeded by function: Functions.journal" in status["output"]
            assert await client.run("entity_call", ["k", "write", {"n": 1}]) == 1
            assert await client.run("chain") == ["Hello Tokyo", "Hello Seattle"]


async def test_limits(tmp_path: Path, storage: Azurite) -> None:
    env = {f"{SETTING}maxConcurrentActivityFunctions": "2", f"{SETTING}maxConcurrentEntityFunctions": "1"}
    with durable_host(tmp_path, storage.connection_string, env=env) as host:
        async with client_of(host) as client:
            await client.run("many_slow", {"key": "limited", "n": 6, "s": 0.05})
            running, most = 0, 0
            for line in lines(tmp_path):
                running += 1 if line.endswith("begins") else -1
                most = max(most, running)
            assert most == 2
            calls = (client.run("entity_call", [key, "slow", {"s": 0.05}]) for key in "abcd")
            await asyncio.gather(*calls)
            order = [line for line in lines(tmp_path) if line.startswith("journal")]
            assert [line.split()[2] for line in order] == ["begins", "ends"] * 4


async def test_batches_of_an_entity(tmp_path: Path, storage: Azurite) -> None:
    env = {f"{SETTING}maxEntityOperationBatchSize": "1"}
    with durable_host(tmp_path, storage.connection_string, env=env) as host:
        async with client_of(host) as client:
            calls = (client.run("entity_call", ["k", "write", {"n": n}]) for n in range(5))
            assert sorted(await asyncio.gather(*calls)) == [1, 2, 3, 4, 5]
            state = await client.operate("entity", "k", name="Journal")
            assert sorted(state[1]) == [0, 1, 2, 3, 4]
            assert host.text.count("Executing 'Functions.journal'") == 5


async def test_everything_goes_on_after_a_kill(tmp_path: Path, storage: Azurite) -> None:
    with durable_host(tmp_path, storage.connection_string) as host:
        async with client_of(host) as client:
            waiting = await client.start("approval", {"s": 60})
            timer = await client.start("timer", {"s": 2})
            busy = await client.start("many_slow", {"key": "killed", "n": 4, "s": 2})
            await client.operate("signal", "k", {"n": 7}, name="add")
            wait_until(lambda: sum("begins" in line for line in lines(tmp_path)) == 4, what="the activities")
            await client.until(waiting, ["Running"])
        host.process.kill()
    started = time.monotonic()
    with durable_host(tmp_path, storage.connection_string) as host:
        async with client_of(host) as client:
            assert (await client.result(timer))["output"] >= 2
            assert (await client.result(busy))["output"] == [f"killed-{n}" for n in range(4)]
            assert time.monotonic() - started < 10  # it needn't wait for the leases of the dead
            await client.operate("raise", waiting, "yes", name="approved")
            assert (await client.result(waiting))["output"] == {"approved": '"yes"'}
            assert await client.operate("entity", "k") == [True, 7]
    assert sum("begins" in line for line in lines(tmp_path)) == 8  # at least once


async def test_a_host_that_is_stopped_lets_what_runs_finish(tmp_path: Path, storage: Azurite) -> None:
    with durable_host(tmp_path, storage.connection_string) as host:
        async with client_of(host) as client:
            key = await client.start("many_slow", {"key": "drained", "n": 2, "s": 1})
            wait_until(lambda: sum("begins" in line for line in lines(tmp_path)) == 2, what="the activities")
        assert await asyncio.to_thread(host.process.stop) == 0
    assert sum("ends" in line for line in lines(tmp_path)) == 2
    with durable_host(tmp_path, storage.connection_string) as host:
        async with client_of(host) as client:
            assert (await client.result(key))["output"] == ["drained-0", "drained-1"]
    assert sum("begins" in line for line in lines(tmp_path)) == 2  # the outcomes were kept


async def test_the_grace_time_ends(tmp_path: Path, storage: Azurite) -> None:
    with durable_host(tmp_path, storage.connection_string, args=["--grace", "0.3"]) as host:
        async with client_of(host) as client:
            key = await client.start("one_activity", ["slow", {"key": "cut", "s": 3}])
            wait_until(lambda: "slow cut begins" in lines(tmp_path), what="the activity")
        assert await asyncio.to_thread(host.process.stop) == 0
    with durable_host(tmp_path, storage.connection_string) as host:
        async with client_of(host) as client:
            assert (await client.result(key))["output"] == "cut"
    assert lines(tmp_path).count("slow cut begins") == 2


async def test_wrong_options_are_named(tmp_path: Path, storage: Azurite) -> None:
    env = {f"{SETTING}maxConcurrentActivityFunctions": "0"}
    with durable_host(tmp_path, storage.connection_string, env=env) as host:
        assert host.functions == []
        says = "maxConcurrentActivityFunctions must be a positive integer, not '0'"
        assert says in host.wait_for_line("The 'chain' function is in error: ")
        host.wait_for_line("The 'client_operation' function is in error: ")


async def test_without_a_storage_account_nothing_durable_runs(tmp_path: Path) -> None:
    with durable_host(tmp_path, "") as host:
        assert host.functions == []
        line = host.wait_for_line("The 'greet' function is in error: ")
        assert "durable functions keep their task hub in a storage account: connection 'AzureWebJobsStorage'" in line


async def test_a_hub_keeps_its_number_of_partitions(tmp_path: Path, storage: Azurite) -> None:
    with durable_host(tmp_path, storage.connection_string):
        pass
    env = {f"{SETTING}storageProvider__partitionCount": "2", f"{SETTING}extendedSessionsEnabled": "true"}
    with durable_host(tmp_path, storage.connection_string, env=env) as host:
        assert "has 4 partitions, but partitionCount is 2" in host.wait_for_line("The 'chain' function is in error: ")


async def test_storage_that_cannot_be_used(tmp_path: Path) -> None:
    with azurite() as storage, durable_host(tmp_path, storage.connection_string) as host:
        async with client_of(host) as client:
            key = await client.start("approval", {"s": 60})
            await client.until(key, ["Running"])
            timer = await client.start("timer", {"s": 1})
            await client.until(timer, ["Running"])
            os.kill(storage.process.pid, signal.SIGSTOP)  # it doesn't answer
            started = time.monotonic()
            while True:
                status, answer = await client.call("runtime/webhooks/durabletask/instances", method="GET")
                if status == 500:
                    break
                assert time.monotonic() - started < 10
                await asyncio.sleep(0.1)
            assert time.monotonic() - started < 5
            assert answer["ExceptionType"].endswith("DurableTaskStorageException")
            assert "unexpected status code 500" in (await client.operate("signal", "k", {"n": 1}, name="add"))["error"]
            host.wait_for_line("task hub Tests, AzureWebJobsStorage: the service can't be reached")
            await asyncio.sleep(1.2)  # the timer is due, but nothing runs
            assert "Executed 'Functions.timer'" not in host.text.split("Trying again until it works")[-1]
            os.kill(storage.process.pid, signal.SIGCONT)
            host.wait_for_line("task hub Tests, AzureWebJobsStorage: works again")
            assert (await client.result(timer))["runtimeStatus"] == "Completed"
            storage.kill()  # it can't be reached
            host.wait_for_line("Trying again until it works", count=2)
            assert (await client.call("runtime/webhooks/durabletask/instances", method="GET"))[0] == 500
            storage.restart()
            host.wait_for_line("task hub Tests, AzureWebJobsStorage: works again", count=2)
            await client.operate("raise", key, "yes", name="approved")
            assert (await client.result(key))["output"] == {"approved": '"yes"'}


async def test_durable_http_calls(client: Client) -> None:
    answer = await client.run("http", ["GET", f"{client.host.url}/admin/host/status", None])
    assert answer["statusCode"] == 200
    assert '"state"' in answer["content"]
    assert answer["headers"]["Content-Type"].startswith("application/json")
    status = await client.result(await client.start("http", ["GET", "http://127.0.0.1:1/", None]))
    assert status["runtimeStatus"] == "Failed"
    assert "ClientConnectorError" in status["output"]
