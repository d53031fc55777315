"""Kill -9 of every part at random moments while jobs of several calls go through: no finished step is called again."""

import asyncio
import json
import random
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient

from local.stack import Stack
from tests.e2e.test_kills import PARTS, kill
from tests.support.ledger import settle_ledger
from tests.support.stack import stack

CONTAINER = "audio-sent"
STEP = re.compile(r"step_(called|done) job_id=(\S+) kind=\S+ step=(\S+)")


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    args = ["--engine", "instant", "--no-limits", "--latency-ms", "300-1500"]
    with stack(tmp_path / ".sluice", model_args=args, host_env={"AUDIO_CHUNK_S": "10"}) as running:
        yield running


def _upload(running: Stack, tmp_path: Path) -> str:
    """A minute of beeps: six chunks or more."""
    path = tmp_path / "beeps.flac"
    beeps = "sine=f=440:d=60,volume='if(lt(mod(t,4),3),1,0)':eval=frame"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", beeps, str(path)]
    subprocess.run(command, check=True)
    with BlobServiceClient.from_connection_string(running.settings["AzureWebJobsStorage"]) as blobs:
        container = blobs.get_container_client(CONTAINER)
        container.create_container()
        container.upload_blob(path.name, path.read_bytes())
    return f"{CONTAINER}/{path.name}"


@pytest.mark.parametrize(
    ("jobs", "kills"),
    [
        pytest.param(8, ["host", "worker"], id="two"),
        pytest.param(60, [*PARTS] * 4, id="twenty", marks=[pytest.mark.accept, pytest.mark.timeout(1800)]),
    ],
)
def test_no_finished_step_is_called_again_whatever_is_killed(
    own_stack: Stack, tmp_path: Path, jobs: int, kills: list[str], record_property: Callable[[str, object], None]
) -> None:
    seed = random.randrange(10**6)
    random.seed(seed)
    random.shuffle(kills := list(kills))
    audio = json.dumps({"audio": _upload(own_stack, tmp_path)})
    task = json.dumps({"task": "Say something of this.", "samples": 2})
    sent = {
        "reasoning": {f"r-{seed}-{i:03d}": task for i in range(jobs * 3 // 4)},
        "audio": {f"a-{seed}-{i:03d}": audio for i in range(jobs // 4)},
    }
    for name in kills:
        _send_some(own_stack, sent, len(kills))
        time.sleep(random.uniform(0.5, 4))  # the random moment
        kill(own_stack, name)
    _send_some(own_stack, sent, 1)
    figures = []
    for kind, prefix in (("reasoning", "r"), ("audio", "a")):
        count = jobs * 3 // 4 if kind == "reasoning" else jobs // 4
        ids = [f"{prefix}-{seed}-{i:03d}" for i in range(count)]
        ledger = asyncio.run(settle_ledger(own_stack.settings, kind, ids, timeout_s=400, exclusive=True))
        figures.append(f"{kind}: {ledger.summary()}")
        assert ledger.balanced, f"seed {seed}, kills {kills}: {ledger.summary()}"
        assert ledger.statuses == {"succeeded": count}, ledger.summary()
    done, again, called = _steps((own_stack.data / "logs" / "host.log").read_text(errors="replace"))
    figures.append(f"{done} steps, {called} calls, {len(again)} of finished steps")
    record_property("figures", f"{len(kills)} kills, seed {seed}: {'; '.join(figures)}")
    assert not again, f"seed {seed}, kills {kills}: called again though finished: {again}"
    assert done > jobs


def _send_some(running: Stack, sent: dict[str, dict[str, str]], shares: int) -> None:
    """A share of what is left; everything where it is the only one."""
    for kind, bodies in sent.items():
        some = list(bodies)[: max(1, len(bodies) // shares)] if shares > 1 else list(bodies)
        if not some:
            continue
        with (
            ServiceBusClient.from_connection_string(running.settings["ServiceBusConnection"]) as client,
            client.get_queue_sender(f"{kind}-in") as sender,
        ):
            for job_id in some:
                sender.send_messages(ServiceBusMessage(bodies[job_id], message_id=job_id))
                del bodies[job_id]


def _steps(log: str) -> tuple[int, list[tuple[str, str]], int]:
    """Finished steps; those that were called after they had finished; calls."""
    finished: set[tuple[str, str]] = set()
    again: list[tuple[str, str]] = []
    counts: Counter[str] = Counter()
    for what, job_id, step in STEP.findall(log):
        counts[what] += 1
        if what == "done":
            finished.add((job_id, step))
        elif (job_id, step) in finished:
            again.append((job_id, step))
    return len(finished), again, counts["called"]
