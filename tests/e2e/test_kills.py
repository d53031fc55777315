"""Kill -9 of every part at random moments while jobs go through: each job still ends exactly once."""

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from local.stack import Stack
from tests.support.ledger import settle_ledger
from tests.support.stack import stack

PARTS = ("host", "worker", "service_bus", "azurite", "model")


class Producer(threading.Thread):
    """Sends jobs at a steady pace; a message whose sending failed is sent again under its id until accepted."""

    def __init__(self, connection_string: str, job_ids: list[str], pace_s: float) -> None:
        super().__init__(daemon=True)
        self._connection_string = connection_string
        self._left = job_ids[::-1]
        self._pace_s = pace_s

    def run(self) -> None:
        while self._left:
            try:
                with (
                    ServiceBusClient.from_connection_string(self._connection_string) as client,
                    client.get_queue_sender("feedback-in") as sender,
                ):
                    while self._left:
                        body = json.dumps({"text": f"comment {self._left[-1]}", "feedback_id": self._left[-1]})
                        sender.send_messages(ServiceBusMessage(body, message_id=self._left[-1]))
                        self._left.pop()
                        time.sleep(self._pace_s)  # the pace of arrivals
            except (ServiceBusError, OSError):
                time.sleep(0.2)  # the broker is down


def kill(running: Stack, name: str) -> None:
    """SIGKILL to the process that does the work, and wait until it has been replaced."""
    part = running.parts["host" if name == "worker" else name]
    process = psutil.Process(part.pid)
    if name == "worker":
        process = next(iter(process.children(recursive=True)), process)
    process.kill()
    if name != "worker":
        part.wait_ready(part.starts + 1)


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    args = ["--engine", "instant", "--no-limits", "--latency-ms", "50-400"]
    with stack(tmp_path / ".sluice", model_args=args) as running:
        yield running


@pytest.mark.parametrize(
    ("jobs", "kills"),
    [
        pytest.param(60, ["service_bus", "azurite", "host"], id="three"),
        pytest.param(500, [*PARTS] * 4, id="twenty", marks=[pytest.mark.accept, pytest.mark.timeout(1800)]),
    ],
)
def test_every_job_ends_once_whatever_is_killed(
    own_stack: Stack, jobs: int, kills: list[str], record_property: Callable[[str, object], None]
) -> None:
    seed = random.randrange(10**6)
    random.seed(seed)
    random.shuffle(kills := list(kills))
    job_ids = [f"kill-{seed}-{i:04d}" for i in range(jobs)]
    producer = Producer(own_stack.settings["ServiceBusConnection"], job_ids, pace_s=len(kills) * 4 / jobs)
    producer.start()
    for name in kills:
        time.sleep(random.uniform(0.5, 4))  # the random moment
        kill(own_stack, name)
    producer.join(300)
    assert not producer.is_alive(), "the broker never accepted all messages"
    ledger = asyncio.run(settle_ledger(own_stack.settings, "feedback", job_ids, timeout_s=400, exclusive=True))
    record_property("figures", f"{len(kills)} kills, seed {seed}: {ledger.summary()}")
    assert ledger.balanced, f"seed {seed}, kills {kills}: {ledger.summary()}"
