"""How much memory long recordings take: of the host with its workers, and of FFmpeg."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import psutil
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient

from local.stack import Stack
from tests.support.ledger import settle_ledger
from tests.support.stack import stack

MB = 1e6


class Peak(threading.Thread):
    """Looks at the memory of a process and its children, four times a second.

    Attributes:
        host, ffmpeg: the most that was seen at once, in bytes.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._done = threading.Event()
        self.host = self.ffmpeg = 0

    def run(self) -> None:
        while not self._done.wait(0.25):
            sizes = {"ffmpeg": 0, "host": 0}
            for process in [self._root, *self._root.children(recursive=True)]:
                try:
                    name = "ffmpeg" if "ffmpeg" in process.name() else "host"
                    sizes[name] += process.memory_info().rss
                except psutil.Error:
                    continue
            self.host, self.ffmpeg = max(self.host, sizes["host"]), max(self.ffmpeg, sizes["ffmpeg"])

    def stop(self) -> None:
        self._done.set()
        self.join()


def _recording(path: Path, length_s: int) -> bytes:
    """Beeps with pauses, as an mp3."""
    beeps = f"sine=f=300:d={length_s},volume='if(lt(mod(t,7),6),1,0)':eval=frame"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", beeps, "-b:a", "64k", str(path)]
    subprocess.run(command, check=True)
    return path.read_bytes()


def _take(running: Stack, name: str, data: bytes) -> Peak:
    with BlobServiceClient.from_connection_string(running.settings["AzureWebJobsStorage"]) as blobs:
        container = blobs.get_container_client("audio-sent")
        if not container.exists():
            container.create_container()
        container.upload_blob(f"{name}.mp3", data)
    peak = Peak(running.parts["host"].pid)
    peak.start()
    with (
        ServiceBusClient.from_connection_string(running.settings["ServiceBusConnection"]) as client,
        client.get_queue_sender("audio-in") as sender,
    ):
        sender.send_messages(ServiceBusMessage(json.dumps({"audio": f"audio-sent/{name}.mp3"}), message_id=name))
    ledger = asyncio.run(settle_ledger(running.settings, "audio", [name], timeout_s=900))
    peak.stop()
    assert ledger.statuses == {"succeeded": 1}, ledger.summary()
    return peak


@pytest.mark.accept
@pytest.mark.timeout(1800)
def test_memory_does_not_grow_with_the_length(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    args = ["--engine", "instant", "--no-limits", "--latency-ms", "100-400"]
    with stack(tmp_path / ".sluice", model_args=args) as running:
        # The first job loads what the next ones find loaded.
        _take(running, "warm", _recording(tmp_path / "warm.mp3", 60))
        short = _take(running, "short", _recording(tmp_path / "short.mp3", 300))
        long = _take(running, "long", _recording(tmp_path / "long.mp3", 7200))
    record_property(
        "figures",
        f"peak of host and workers {short.host / MB:.0f} MB at 5 minutes, {long.host / MB:.0f} MB at 2 hours; "
        f"of FFmpeg {short.ffmpeg / MB:.0f} MB and {long.ffmpeg / MB:.0f} MB",
    )
    assert long.host < short.host + 200 * MB, "chunks are read one by one, a whole recording never"
    assert long.ffmpeg < 300 * MB
