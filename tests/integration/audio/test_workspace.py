"""Temporary folders: removed whatever happens to their process, and never while it lives."""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from shared.audio.errors import NoDiskSpaceError
from shared.audio.workspace import default_root, sweep, workspace
from shared.errors import TransientError
from tests.integration.audio.conftest import names

PROJECT = Path(__file__).parents[3]
# Enters a workspace, says where it is, and stays until its standard input ends.
OTHER = """
import asyncio, sys
from pathlib import Path
from shared.audio.workspace import workspace
async def main():
    async with workspace(0, Path(sys.argv[1])) as folder:
        (folder / "part.flac").write_bytes(bytes(1000))
        print(folder, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


@contextmanager
def other_process(root: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process, with its folder."""
    command = [sys.executable, "-c", OTHER, str(root)]
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir()] if root.exists() else []


async def test_it_is_gone_at_the_end(tmp_path: Path) -> None:
    async with workspace(0, tmp_path) as folder:
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "file").write_bytes(b"x")
        assert folders(tmp_path) == [folder]
    assert folders(tmp_path) == []


async def test_it_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        async with workspace(0, tmp_path):
            raise KeyError
    assert folders(tmp_path) == []


async def test_it_is_gone_after_a_cancellation_inside(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def stay() -> None:
        async with workspace(0, tmp_path):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert folders(tmp_path) == []


async def test_it_is_gone_after_a_cancellation_while_it_is_made(tmp_path: Path) -> None:
    async def stay() -> None:
        async with workspace(0, tmp_path):
            raise AssertionError("it was cancelled before")

    task = asyncio.create_task(stay())
    await asyncio.sleep(0)  # the thread has begun, or is about to
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)  # the callback
    assert folders(tmp_path) == []


async def test_what_a_killed_process_left_is_swept_at_the_next_use(tmp_path: Path) -> None:
    with other_process(tmp_path) as (process, left):
        process.kill()
        process.wait()
        assert (left / "part.flac").exists()
        async with workspace(0, tmp_path) as folder:
            assert folders(tmp_path) == [folder]


async def test_a_living_process_keeps_its_folder(tmp_path: Path) -> None:
    with other_process(tmp_path) as (process, theirs):
        async with workspace(0, tmp_path) as mine, workspace(0, tmp_path) as second:
            assert sorted(folders(tmp_path)) == sorted([theirs, mine, second])
            assert sweep(tmp_path) == 0
        assert (theirs / "part.flac").exists()
        process.communicate()  # ends its input, and so the process
        assert process.returncode == 0
        assert folders(tmp_path) == []


async def test_a_folder_whose_process_died_before_its_lock_was_made(tmp_path: Path) -> None:
    (tmp_path / "job-halfway").mkdir()
    assert sweep(tmp_path) == 1
    assert folders(tmp_path) == []


async def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "job-file").write_bytes(b"x")
    assert sweep(tmp_path) == 0
    assert names(tmp_path) == [".lock", "job-file", "other"]


async def test_many_at_once(tmp_path: Path) -> None:
    """Each finds the others' folders alive, and ends while the others sweep."""

    async def use(i: int) -> None:
        async with workspace(0, tmp_path) as folder:
            (folder / "mine").write_text(str(i))
            await asyncio.to_thread(sweep, tmp_path)
            assert (folder / "mine").read_text() == str(i)

    before = psutil.Process().num_fds()
    async with asyncio.TaskGroup() as group:
        for i in range(50):
            group.create_task(use(i))
    assert folders(tmp_path) == []
    assert psutil.Process().num_fds() < before + 10, "the locks are closed"


async def test_too_little_space_is_told_before_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 5_000_000, 5_000_000))
    async with workspace(5_000_000, tmp_path):
        pass
    with pytest.raises(NoDiskSpaceError, match="5 MB free, and 6 MB are needed") as caught:
        async with workspace(6_000_000, tmp_path):
            raise AssertionError("there is too little")
    assert isinstance(caught.value, TransientError)
    assert folders(tmp_path) == []


async def test_a_full_disk_when_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(NoDiskSpaceError, match="is full"):
        async with workspace(0, tmp_path):
            raise AssertionError("there is no room")


async def test_its_usual_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with workspace(0) as folder:
        assert folder.parent == default_root() == tmp_path / f"sluice-audio-{os.getuid()}"
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_mode & 0o777 == 0o700
