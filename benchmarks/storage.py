"""What a small request to storage costs: the app's client of tables, against one of the SDK's own making.

The SDK's asks the environment for a proxy and .netrc for a password at each request, each in a thread. Ours does where
a proxy is set (shared/storage/azure.py). Both read and write a row of Azurite's in turns, eight at a time.
"""

import asyncio
import statistics
import sys
import tempfile
import time

from azure.data.tables.aio import TableServiceClient

from benchmarks.report import Row, show
from local.process import ServerProcess
from shared.config import Connection
from shared.storage.azure import table_service

AIM = 0.85
_AT_A_TIME = 8
_TABLE = "bench"
OURS, THEIRS = "ours", "the SDK's own"


def run(rounds: int, requests: int, *, as_json: bool) -> float:
    """Measure, print, and return the median of the rounds' ratios (processor time of ours over the SDK's own)."""
    cpu_us: dict[str, list[float]] = {OURS: [], THEIRS: []}
    with tempfile.TemporaryDirectory() as folder:
        ports = [f"--{name}-port=0" for name in ("blob", "queue", "table")]
        azurite = ServerProcess("azurite", [sys.executable, "-m", "local.azurite", "--data", folder, *ports])
        try:
            connection = str(azurite.start()["connection_string"])
            asyncio.run(_prepare(connection))
            for number in range(rounds):
                for name in (OURS, THEIRS) if number % 2 else (THEIRS, OURS):
                    cpu_us[name].append(asyncio.run(_cpu_us(_client(name, connection), requests)))
        finally:
            azurite.stop()
    rows = [Row(name, statistics.median(found), min(found), max(found), "µs") for name, found in cpu_us.items()]
    ratio = statistics.median(ours / theirs for ours, theirs in zip(cpu_us[OURS], cpu_us[THEIRS], strict=True))
    title = f"Processor time of a small request to storage, {rounds} rounds of {requests}"
    show(title, rows, (f"{OURS} / {THEIRS}, median of the rounds", ratio, f"at most {AIM}"), as_json=as_json)
    return ratio


def _client(name: str, connection: str) -> TableServiceClient:
    if name == OURS:
        return table_service(Connection(connection_string=connection))
    return TableServiceClient.from_connection_string(connection)


async def _prepare(connection: str) -> None:
    async with _client(OURS, connection) as service:
        await service.create_table(_TABLE)


async def _cpu_us(service: TableServiceClient, requests: int) -> float:
    """Of a request, in microseconds of this process. The first ones aren't counted: they connect."""
    async with service:
        table = service.get_table_client(_TABLE)
        left = iter(range(requests // 2))

        async def use() -> None:
            for number in left:
                row = {"PartitionKey": "p", "RowKey": f"{number % 100}", "count": number, "text": "x" * 50}
                await table.upsert_entity(row)
                await table.get_entity("p", str(row["RowKey"]))

        await table.upsert_entity({"PartitionKey": "p", "RowKey": "first"})
        began_s = time.process_time()
        await asyncio.gather(*(use() for _ in range(_AT_A_TIME)))
        return (time.process_time() - began_s) / (requests // 2 * 2) * 1e6
