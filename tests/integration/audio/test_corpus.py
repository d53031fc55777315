"""Hundreds of broken, truncated, mislabelled and hostile files: each ends with chunks or with a reason."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.audio.flac import flac_duration_s
from shared.audio.prepare import Prepared, prepare
from shared.audio.workspace import workspace
from shared.errors import PermanentError
from tests.integration.audio.conftest import LIMITS, names, running_ffmpegs
from tests.support.media_corpus import MediaFile, make_corpus

AT_ONCE = 2
SLOWEST_S = 60.0  # on a quiet machine none takes a second


async def _outcome(file: MediaFile, ffmpeg: Path, root: Path) -> str:
    """What became of it: "chunks", or the code of the error."""
    async with workspace(1_000_000, root) as folder:
        limits = replace(LIMITS, max_duration_s=60, timeout_s=SLOWEST_S)
        (result,) = await asyncio.gather(prepare(file.path, folder, ffmpeg, limits), return_exceptions=True)
        if isinstance(result, Prepared):
            _check(result)
            return "chunks"
        left = names(folder)
    assert isinstance(result, PermanentError), f"{file.name}: {result!r}"
    assert str(result)
    assert str(root) not in str(result), "no path of ours"
    assert left == [".lock"], file.name
    return result.code


def _check(prepared: Prepared) -> None:
    assert 0.1 <= prepared.duration_s <= 60
    assert prepared.chunks[0].start_s == 0
    assert prepared.chunks[-1].end_s == prepared.duration_s
    for chunk in prepared.chunks:
        assert flac_duration_s(chunk.path) == pytest.approx(chunk.end_s - chunk.start_s, abs=0.001)


@pytest.mark.parametrize(("seeds", "every"), [(1, 6), pytest.param(3, 1, marks=pytest.mark.accept)])
async def test_no_file_does_harm(
    ffmpeg: Path, speech: Path, tmp_path: Path, record_property: Callable[[str, object], None], seeds: int, every: int
) -> None:
    """All files of three corpora, or every sixth of one."""
    root = tmp_path / "temporary"
    outcomes: dict[str, str] = {}
    longest_s = 0.0
    gate = asyncio.Semaphore(AT_ONCE)

    async def run(file: MediaFile, seed: int) -> None:
        nonlocal longest_s
        async with gate:
            begun = time.monotonic()
            outcomes[f"{seed} {file.name}"] = outcome = await _outcome(file, ffmpeg, root)
            longest_s = max(longest_s, time.monotonic() - begun)
            assert file.codes is None or outcome in file.codes, f"{file.name}: {outcome}"

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        for seed in range(seeds):
            folder = tmp_path / str(seed)
            folder.mkdir()
            files = make_corpus(speech, folder, server.getsockname()[1], seed)
            async with asyncio.TaskGroup() as group:
                for file in files[::every]:
                    group.create_task(run(file, seed))
        with pytest.raises(BlockingIOError):
            server.accept()

    counts = Counter(outcomes.values())
    assert len(outcomes) >= 350 * seeds // every
    assert counts["chunks"] >= 50 * seeds // every, "the corpus also holds what can be heard"
    assert len(counts) >= (10 if every == 1 else 7), "and what fails for many reasons"
    assert longest_s < SLOWEST_S / 2
    assert names(root) == [".lock"]
    assert running_ffmpegs() == []
    record_property("figures", f"{len(outcomes)} files, the slowest {longest_s:.1f} s: {dict(counts.most_common())}")
