"""Hosts that share a task hub."""

import asyncio
import os
import signal
import time
from pathlib import Path
from random import Random

import pytest

from local.host.contracts import Invocation, InvocationResult
from local.host.durable.entity import EntityId
from local.host.durable.hub import FencedError
from local.host.durable.leases import LEASE_S
from tests.support.azurite import Azurite
from tests.support.durable import client_of, durable_host
from tests.support.durable_engine import App, Clock, Engine
from tests.support.host import wait_until


def begun(folder: Path) -> int:
    trace = folder / "trace"
    return trace.read_text().count("begins") if trace.exists() else 0


async def test_work_is_shared_and_a_killed_host_is_followed(tmp_path: Path, storage: Azurite) -> None:
    account = storage.connection_string
    with durable_host(tmp_path, account) as one, durable_host(tmp_path, account) as two:
        async with client_of(one) as first, client_of(two) as second:
            # Either host starts and sees what either runs; after a few seconds each has its share.
            deadline = time.monotonic() + 20
            while not all("Executed 'Functions.uses_entity'" in host.text for host in (one, two)):
                assert time.monotonic() < deadline
                for key in [await client.start("uses_entity") for client in (first, second) for _ in range(3)]:
                    assert (await second.result(key))["output"]["value"] == 15
            times = []
            for _ in range(5):
                started = time.monotonic()
                await second.run("uses_entity")
                times.append(time.monotonic() - started)
            assert sorted(times)[2] < 0.6

            fans = [await second.start("many_slow", {"key": f"fan{n}", "n": 6, "s": 1}) for n in range(4)]
            wait_until(lambda: begun(tmp_path) >= 12, what="half of the activities")
            one.process.kill()
            started = time.monotonic()
            for n, key in enumerate(fans):
                result = await second.result(key, timeout_s=40)
                assert result["output"] == [f"fan{n}-{i}" for i in range(6)]
            assert time.monotonic() - started < 25
            assert await second.run("chain") == ["Hello Tokyo", "Hello Seattle"]


async def test_a_host_that_was_stopped_for_a_while_finds_its_work_done(tmp_path: Path, storage: Azurite) -> None:
    account = storage.connection_string
    with durable_host(tmp_path, account) as one:
        async with client_of(one) as client:
            key = await client.start("many_slow", {"key": "frozen", "n": 4, "s": 1.5})
            wait_until(lambda: begun(tmp_path) == 4, what="the activities")
        workers = one.worker_pids()
        for pid in (one.process.pid, *workers):
            os.kill(pid, signal.SIGSTOP)
        with durable_host(tmp_path, account) as two:
            async with client_of(two) as client:
                result = await client.result(key, timeout_s=40)
                assert result["output"] == [f"frozen-{n}" for n in range(4)]
                history = (await client.operate("status", key, history="1"))["events"]
                for pid in (*workers, one.process.pid):
                    os.kill(pid, signal.SIGCONT)
                one.wait_for_line("The outcome of an activity is dropped", count=4)
                assert (await client.operate("status", key, history="1"))["events"] == history
                assert [e["EventType"] for e in history].count("TaskCompleted") == 4
                # Both go on together.
                assert await client.run("chain") == ["Hello Tokyo", "Hello Seattle"]


async def test_a_host_that_leaves_is_followed_at_once(tmp_path: Path, storage: Azurite) -> None:
    account = storage.connection_string
    with durable_host(tmp_path, account) as one, durable_host(tmp_path, account) as two:
        async with client_of(two) as client:
            await client.run("chain")
            await asyncio.to_thread(one.process.stop)
            started = time.monotonic()
            await asyncio.gather(*(client.run("chain") for _ in range(8)))
            assert time.monotonic() - started < LEASE_S


class Held(App):
    """Its functions end only when the test lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go = asyncio.Event(), asyncio.Event()

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        result = await super().invoke(invocation)
        self.entered.set()
        await self.go.wait()
        return result


@pytest.mark.parametrize("target", ["instance", "@sum@k"])
async def test_whoever_lost_the_lease_writes_nothing(tmp_path: Path, target: str) -> None:
    clock = Clock()
    apps = (Held(), App())
    for app in apps:
        app.orchestrator("plan", lambda _: "done")
        app.entity("sum", lambda context: context.set_state(context.get_state(lambda: 0) + 1))
    slow = Engine(tmp_path / "hub.db", apps[0], clock)
    await slow.client.start("plan", "instance", "null")
    await slow.client.signal(EntityId("sum", "k"), "add", None)
    stuck = asyncio.create_task(slow.run(target))
    await apps[0].entered.wait()
    clock.now_s += LEASE_S + 1
    quick = Engine(tmp_path / "hub.db", apps[1], clock)
    await quick.finish(Random(1))
    before = list(quick.hub.database.execute("SELECT * FROM history")), quick.hub.entity_state("@sum@k")
    assert before[1] == "1"
    apps[0].go.set()
    with pytest.raises(FencedError):
        await stuck
    assert (list(quick.hub.database.execute("SELECT * FROM history")), quick.hub.entity_state("@sum@k")) == before
    instance = quick.hub.instances.get("instance")
    assert instance is not None
    assert instance.status == "Completed"
    for engine in (slow, quick):
        engine.hub.database.close()
