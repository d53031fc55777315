"""kill -9 in the midst of writes to tables, blobs and queues loses nothing that was acknowledged."""

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.azurite.ledger import BlobWorker, QueueWorker, TableWorker, Worker
from tests.integration.azurite.queue_rest import Queue
from tests.support.azurite import azurite

JOURNAL_BYTES = 10_000
"""Small enough for a snapshot after every few dozen writes, so that kills also fall into snapshots."""


def write_until_killed(workers: list[Worker], operations: int, kill: Callable[[], None]) -> None:
    """Let every worker do that many operations, and kill while they go on."""
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    for worker in workers:
        worker.wait_for(worker.operations + operations)
    kill()
    for thread in threads:
        thread.join(30)
    for worker in workers:
        worker.raise_error()


@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.accept)])
def test_nothing_acknowledged_is_lost(tmp_path: Path, rounds: int) -> None:
    seeds = random.Random(rounds)
    with azurite(tmp_path / "data", journal_bytes=JOURNAL_BYTES) as server:
        workers: list[Worker] = [TableWorker(server, seed) for seed in (1, 2)]
        workers += [BlobWorker(server, 3), BlobWorker(server, 4), QueueWorker(server, 5)]
        for _ in range(rounds):
            write_until_killed(workers, seeds.randrange(10, 30), server.kill)
            server.start()
            for worker in workers:
                worker.settle()
        snapshot = json.loads((server.data / "__azurite_db_table__.json").read_text())
    # A start takes one segment of the journal and every snapshot another: there were snapshots between the kills.
    assert snapshot["journalSegment"] - (rounds + 1) >= max(1, rounds // 5)


def test_a_message_that_was_received_stays_hidden_and_can_be_deleted(tmp_path: Path) -> None:
    with azurite(tmp_path / "data") as server:
        queue = Queue(server, "work")
        queue.create()
        queue.put("first")
        queue.put("second")
        (received,) = queue.receive(visibility_timeout_s=300)
        server.restart()
        assert [message["MessageText"] for message in queue.peek()] == ["second"]
        queue.delete(received)
        server.restart()
        assert [message["MessageText"] for message in queue.peek()] == ["second"]
