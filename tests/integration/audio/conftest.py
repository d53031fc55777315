"""What the tests of audio share: FFmpeg, a recording, limits."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from shared.audio.prepare import AudioLimits
from tests.support import media
from tests.support.audio_world import AudioWorld, audio_world
from tests.support.azurite import Azurite
from tests.support.model import ModelServer, model_server
from tests.support.speech import speak

LIMITS = AudioLimits(
    max_bytes=100_000_000, max_duration_s=600, chunk_s=30, overlap_s=2, timeout_s=60, max_chunk_bytes=5_000_000
)


def names(folder: Path) -> list[str]:
    """What is in a folder, in order."""
    return sorted(path.name for path in folder.iterdir())


def running_ffmpegs() -> list[psutil.Process]:
    """Those that this process, or one of its own, has started."""
    return [child for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name()]


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    return media.ffmpeg()


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a real voice."""
    return media.encode(media.JFK, tmp_path_factory.mktemp("speech"), "wav", "-t", "4")


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About a minute and a half of sentences, with a pause after each."""
    path = tmp_path_factory.mktemp("minute") / "minute.wav"
    speak((f"Order {i} arrived on Tuesday, and two of its chairs are broken." for i in range(18)), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where chunks go."""
    path = tmp_path / "chunks"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with model_server("--no-limits", "--deployments", "chat:gpt-4o-mini", "whisper:whisper") as running:
        yield running


@pytest.fixture
async def world(
    request: pytest.FixtureRequest, shared_azurite: Azurite, server: ModelServer, tmp_path: Path
) -> AsyncIterator[AudioWorld]:
    """Within the LIMITS of the test's module."""
    async with audio_world(shared_azurite, server, tmp_path / "work", request.module.LIMITS) as world:
        yield world
