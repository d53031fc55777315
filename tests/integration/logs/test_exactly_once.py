"""Every line arrives exactly once and in order: counted, not sampled. Storage fails at random, goes away, and the
processes that ship are killed again and again."""

import asyncio
import gzip
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from azure.storage.blob.aio import ContainerClient

from local.process import ServerProcess
from shared.telemetry.log_names import LogName
from tests.support.azurite import Azurite, azurite
from tests.support.faulty_storage import Fault, FaultyStorage

ROOT = Path(__file__).parents[3]
WRITERS = 4
SHIPPERS = 2
FAULTS = (Fault.THROTTLED, Fault.ERROR, Fault.BROKEN_BEFORE, Fault.BROKEN_AFTER)


@dataclass(frozen=True)
class Size:
    """Of a run.

    Attributes:
        rotations: of all writers.
        kill_each_s: a shipper is killed so often, `kills` times before the outage and after.
        outage_s: how long Azurite is away.
    """

    rotations: int
    pause_s: float
    kill_each_s: float
    kills: int
    outage_s: float
    fault_share: float = 0.1
    file_bytes: int = 12_000


SMALL = Size(200, pause_s=0.005, kill_each_s=0.5, kills=1, outage_s=1.0)
FULL = Size(10_000, pause_s=0.02, kill_each_s=5.0, kills=12, outage_s=60.0)


@dataclass
class Run:
    """What happened."""

    kills: int = 0
    outages: int = 0
    written: list[dict[str, Any]] = field(default_factory=list)


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("size", [SMALL, pytest.param(FULL, marks=pytest.mark.accept)], ids=["200", "10000"])
async def test_every_line_arrives_once_and_in_order(
    tmp_path: Path, size: Size, record_property: Callable[[str, object], None]
) -> None:
    began_s = time.monotonic()
    folder = tmp_path / "logs"
    folder.mkdir()
    run = Run()
    dice = random.Random(size.rotations)

    def at_random(_: web.Request) -> Fault | None:
        return dice.choice(FAULTS) if dice.random() < size.fault_share else None

    with azurite(tmp_path / "azurite") as server:
        async with FaultyStorage(server.connection_string).running() as faulty:
            faulty.plan = at_random
            async with Shippers(folder, faulty) as shippers:
                trouble = asyncio.create_task(make_trouble(run, size, shippers, server, dice))
                each = size.rotations // WRITERS
                ends = ["close", "kill"] * (WRITERS // 2)
                writers = [write(folder, f"w{n}", each, size, end) for n, end in enumerate(ends)]
                run.written = await asyncio.gather(*writers)
                await trouble
                await until_empty(folder)
        arrived = await read_all(server)
        check(run.written, arrived)
    files = len(arrived)
    lines = sum(written["lines"] for written in run.written)
    assert files >= size.rotations
    assert run.kills >= 2
    assert run.outages == 1
    assert all(faulty.counts[fault] for fault in FAULTS)
    faults = ", ".join(f"{faulty.counts[fault]} {fault}" for fault in FAULTS)
    record_property(
        "figures",
        f"{lines} lines of {WRITERS} processes in {files} files, each once and in order; {run.kills} kills of "
        f"{SHIPPERS} monitors, an outage of {size.outage_s:.0f} s, {faults}; {time.monotonic() - began_s:.0f} s",
    )


def check(written: list[dict[str, Any]], arrived: list[tuple[LogName, list[int]]]) -> None:
    """Numbers of lines of each instance, in the order of its files, are all numbers from 0, each once."""
    names = [name for name, _ in arrived]
    assert len(set(names)) == len(names), "a file has arrived under two names"
    for writer in written:
        of_it = sorted(((name.n, lines) for name, lines in arrived if name.instance == writer["instance"]))
        assert [number for number, _ in of_it] == list(range(1, writer["files"] + 1))
        lines = [line for _, part in of_it for line in part]
        assert lines == list(range(writer["lines"]))
    assert {name.instance for name in names} == {writer["instance"] for writer in written}


async def write(folder: Path, name: str, rotations: int, size: Size, end: str) -> dict[str, Any]:
    arguments = [str(folder), name, str(rotations), str(size.file_bytes), str(size.pause_s), end]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.log_writer", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode == (0 if end == "close" else -9)
    return dict(json.loads(told))


class Shippers:
    """Processes that ship; each may be killed, and another takes its place."""

    def __init__(self, folder: Path, storage: FaultyStorage) -> None:
        self._command = [
            *(sys.executable, "-m", "tests.support.log_shipper", str(folder), "logs", storage.connection_string),
        ]
        self._processes: list[ServerProcess] = []

    async def start_one(self) -> None:
        process = ServerProcess("shipper", self._command, cwd=ROOT)
        self._processes.append(process)
        await asyncio.to_thread(process.start)

    async def kill_one(self, dice: random.Random) -> None:
        process = self._processes.pop(dice.randrange(len(self._processes)))
        await asyncio.to_thread(process.kill)
        await self.start_one()

    async def __aenter__(self) -> "Shippers":
        await asyncio.gather(*(self.start_one() for _ in range(SHIPPERS)))
        return self

    async def __aexit__(self, *error: object) -> None:
        for process in self._processes:
            await asyncio.to_thread(process.kill)


async def make_trouble(run: Run, size: Size, shippers: Shippers, server: Azurite, dice: random.Random) -> None:
    """Kill shippers, and once stop storage. Ends a while after the outage."""
    for number in range(2 * size.kills):
        await asyncio.sleep(size.kill_each_s)
        await shippers.kill_one(dice)
        run.kills += 1
        if number == size.kills:
            server.kill()
            await asyncio.sleep(size.outage_s)
            await asyncio.to_thread(server.start)
            run.outages += 1


async def until_empty(folder: Path, stalled_s: float = 120.0) -> None:
    """Wait as long as it takes, but not without progress."""
    fewest, since_s = sys.maxsize, time.monotonic()
    while left := [path.name for path in folder.iterdir() if not path.name.startswith(".")]:
        if len(left) < fewest:
            fewest, since_s = len(left), time.monotonic()
        assert time.monotonic() - since_s < stalled_s, f"{len(left)} files are left, such as {left[0]}"
        await asyncio.sleep(0.1)


async def read_all(server: Azurite) -> list[tuple[LogName, list[int]]]:
    """Of each blob its name and the numbers of its lines."""
    turns = asyncio.Semaphore(16)
    async with ContainerClient.from_connection_string(server.connection_string, "logs") as container:

        async def one(blob: str) -> tuple[LogName, list[int]]:
            async with turns:
                data = await (await container.download_blob(blob)).readall()
            name = LogName.parse(blob.rpartition("/")[2].removesuffix(".gz"))
            assert name is not None, blob
            return name, [json.loads(line)["fields"]["count"] for line in gzip.decompress(data).splitlines()]

        blobs = [blob.name async for blob in container.list_blobs()]
        return await asyncio.gather(*(one(blob) for blob in blobs))
