"""Messages a second through the functions host and the emulator, against a bare receive loop on the same emulator.

Each round fills the queue, empties it with the bare loop, fills it again, and lets the host empty it with a function
that does nothing. The loop is the SDK's own: receive up to 100, complete each. What is timed is from the start of
receiving to the empty queue; starting the host is not.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from benchmarks.report import Row, show
from local.process import ServerProcess

AIM = 0.5
_QUEUE = "noop"
_CONFIG = """{"UserConfig": {"Namespaces": [{"Name": "bench", "Queues": [
  {"Name": "noop", "Properties": {"LockDuration": "PT1M", "MaxDeliveryCount": 10}}]}]}}"""
_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.service_bus_queue_trigger(arg_name="message", queue_name="noop", connection="ServiceBusConnection")
async def noop(message: func.ServiceBusMessage) -> None:
    pass
"""
_HOST_JSON = '{"version": "2.0", "logging": {"logLevel": {"default": "Warning"}}}'


def run(rounds: int, messages: int, *, as_json: bool) -> float:
    """Measure, print, and return the ratio of the medians (host over bare loop)."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        app = write_app(root / "app", _APP)
        with service_bus(root) as connection_string:
            rates: dict[str, list[float]] = {"bare receive loop": [], "host, no-op function": []}
            for _ in range(rounds):
                asyncio.run(fill(connection_string, messages))
                rates["bare receive loop"].append(messages / asyncio.run(_bare(connection_string, messages)))
                asyncio.run(fill(connection_string, messages))
                rates["host, no-op function"].append(messages / drain_by_host(app, connection_string).seconds)
    rows = [Row(name, statistics.median(r), min(r), max(r), "messages/s") for name, r in rates.items()]
    ratio = rows[1].median / rows[0].median
    title = f"Throughput of {messages} messages of 100 bytes"
    show(title, rows, ("host / bare", ratio, f"at least {AIM}"), as_json=as_json)
    return ratio


def write_app(folder: Path, code: str) -> Path:
    """A Functions app of one file."""
    folder.mkdir()
    (folder / "function_app.py").write_text(code)
    (folder / "host.json").write_text(_HOST_JSON)
    return folder


@contextmanager
def service_bus(folder: Path) -> Iterator[str]:
    """A Service Bus emulator with the one queue. Yields its connection string."""
    config = folder / "config.json"
    config.write_text(_CONFIG)
    command = [sys.executable, "-m", "local.service_bus", "--config", config, "--data", folder, "--port", "0"]
    emulator = ServerProcess("service bus", command)
    try:
        yield str(emulator.start()["connection_string"])
    finally:
        emulator.stop()


async def fill(connection_string: str, count: int, properties: Callable[[], dict[str, str]] = dict) -> None:
    """Put messages of 100 bytes on the queue.

    Args:
        properties: of each.
    """
    async with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_sender(_QUEUE) as sender,
    ):
        for start in range(0, count, 500):
            await sender.send_messages(
                [
                    ServiceBusMessage("x" * 100, application_properties=dict(properties()))  # type: ignore[arg-type]
                    for _ in range(min(500, count - start))
                ]
            )


async def _bare(connection_string: str, count: int) -> float:
    async with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_receiver(_QUEUE) as receiver,
    ):
        start = time.perf_counter()
        done = 0
        while done < count:
            batch = await receiver.receive_messages(max_message_count=100, max_wait_time=5)
            for message in batch:
                await receiver.complete_message(message)
            done += len(batch)
        return time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Drained:
    """How long it took to empty the queue.

    Attributes:
        seconds: from the first message taken to the empty queue.
        cpu_s: processor time of the host and its workers in that time.
    """

    seconds: float
    cpu_s: float


def drain_by_host(
    app: Path, connection_string: str, settings: Mapping[str, str] | None = None, *, warm_up: int = 0
) -> Drained:
    """Let the host empty the queue.

    Args:
        settings: of the app, besides.
        warm_up: messages that aren't timed.
    """
    env = {"ServiceBusConnection": connection_string, "FUNCTIONS_WORKER_RUNTIME": "python", **(settings or {})}
    host = ServerProcess("host", [sys.executable, "-m", "local.host", app, "--port", "0"], env=env)
    host.launch()
    try:
        return asyncio.run(_drained(connection_string, warm_up, psutil.Process(host.pid)))
    finally:
        host.stop()


async def _drained(connection_string: str, warm_up: int, host: psutil.Process) -> Drained:
    """Watch the queue by peeking: from the first lock to the last completion."""
    async with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_receiver(_QUEUE) as receiver,
    ):
        first = (await receiver.peek_messages(1))[0].sequence_number or 0
        deadline = time.perf_counter() + 300
        while (left := await receiver.peek_messages(1)) and (left[0].sequence_number or 0) <= first + warm_up:
            if time.perf_counter() > deadline:
                raise TimeoutError("the host took no message within 300 s")
            await asyncio.sleep(0.002)
        start, cpu_s = time.perf_counter(), _cpu_s(host)
        while await receiver.peek_messages(1):  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(0.02)
        return Drained(time.perf_counter() - start, _cpu_s(host) - cpu_s)


def _cpu_s(host: psutil.Process) -> float:
    """Of it and all that it has started and that still runs."""
    times = [process.cpu_times() for process in (host, *host.children(recursive=True))]
    return sum(one.user + one.system for one in times)
