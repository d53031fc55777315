"""What preparing a recording costs: `python -m tests.support.audio_cost FILE` prints it as JSON.

In a process of its own, so that the peaks are those of this work alone.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.audio.prepare import AudioLimits, prepare
from shared.config import audio_settings
from tests.support import media

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Cost:
    """Peaks in MB (of 10^6 bytes), of Python, of the largest FFmpeg process and of the folder of chunks."""

    duration_s: float
    chunks: int
    wall_s: float
    python_mb: float
    ffmpeg_mb: float
    disk_mb: float
    chunks_mb: float

    def __str__(self) -> str:
        return (
            f"{self.duration_s / 60:.0f} min in {self.wall_s:.1f} s, {self.chunks} chunks of together "
            f"{self.chunks_mb:.0f} MB; peaks: Python {self.python_mb:.0f} MB, FFmpeg {self.ffmpeg_mb:.0f} MB, "
            f"disk {self.disk_mb:.0f} MB"
        )


def measure(source: Path) -> Cost:
    """Prepare a recording in another process, with the default settings.

    Raises:
        AssertionError: it failed; the text holds what it said.
    """
    command = [sys.executable, "-m", "tests.support.audio_cost", str(source)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return Cost(**json.loads(done.stdout))


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue  # removed meanwhile
    return total


def _own_peak_kb() -> int:
    """Of this program: what getrusage says begins with the size of whoever started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


async def _cost(source: Path) -> Cost:
    ffmpeg = media.ffmpeg()
    largest = 0

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        async def watch() -> None:
            nonlocal largest
            while True:
                largest = max(largest, _size(folder))
                await asyncio.sleep(0.02)

        watcher = asyncio.create_task(watch())
        begun = time.monotonic()
        prepared = await prepare(source, folder, ffmpeg, AudioLimits.of(audio_settings({})))
        wall_s = time.monotonic() - begun
        watcher.cancel()
        return Cost(
            duration_s=prepared.duration_s,
            chunks=len(prepared.chunks),
            wall_s=wall_s,
            python_mb=_own_peak_kb() * 1024 / 1e6,
            ffmpeg_mb=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6,
            disk_mb=largest / 1e6,
            chunks_mb=sum(chunk.size for chunk in prepared.chunks) / 1e6,
        )


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_cost(Path(sys.argv[1]))))))  # noqa: T201 - its output
