"""FFmpeg as a child process: bounded in time and memory, alone in the world, gone at the end."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from shared.audio import commands
from shared.audio.errors import NoDiskSpaceError
from shared.audio.ffmpeg import FFmpegTimeoutError, run_ffmpeg
from shared.audio.verdict import machine_failure
from shared.errors import ConfigurationError, TransientError
from tests.integration.audio.conftest import running_ffmpegs
from tests.support.host import wait_until

ROOT = Path(__file__).parents[3]
ENDLESS = ("-f", "lavfi", "-i", "anoisesrc", "-f", "null", "-")


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a shell script that stands in for FFmpeg."""

    def write(script: str) -> Path:
        path = tmp_path / "ffmpeg"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # somebody else's to bury
    except psutil.NoSuchProcess:
        return True


async def test_output_and_log_come_line_by_line(program: Callable[[str], Path]) -> None:
    output: list[str] = []
    log: list[str] = []
    script = program("echo one; echo two; echo three >&2; printf four >&2; exit 3")
    finished = await run_ffmpeg(script, [], 10, on_output=output.append, on_log=log.append)
    assert (output, log) == (["one", "two"], ["three", "four"])
    assert (finished.returncode, finished.log) == (3, ("three", "four"))


async def test_a_flood_is_kept_in_bounds(program: Callable[[str], Path]) -> None:
    """100 MB without a line break, and 100,000 lines."""
    longest = 0

    def measure(line: str) -> None:
        nonlocal longest
        longest = max(longest, len(line))

    script = program("head -c 100000000 /dev/zero | tr '\\0' x; seq 100000 >&2")
    before = psutil.Process().memory_info().rss
    finished = await run_ffmpeg(script, [], 60, on_output=measure)
    assert longest == 500
    assert (len(finished.log), finished.log[-1]) == (200, "100000")
    assert psutil.Process().memory_info().rss - before < 30_000_000


async def test_arguments_are_no_shell_words(program: Callable[[str], Path]) -> None:
    output: list[str] = []
    await run_ffmpeg(program('for a in "$@"; do echo "$a"; done'), ["$(id); `id` 'x", "*"], 10, on_output=output.append)
    assert output[-2:] == ["$(id); `id` 'x", "*"]
    assert "-nostdin" in output


async def test_it_gets_neither_our_secrets_nor_our_input(
    program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", "AccountKey=sekrit")
    output: list[str] = []
    await run_ffmpeg(program("env; cat"), [], 10, on_output=output.append)
    assert not any("sekrit" in line or "AzureWebJobsStorage" in line for line in output)


async def _start_family(program: Callable[[str], Path], timeout_s: float) -> tuple[asyncio.Task[object], list[int]]:
    """A program with a child. Returns when both run."""
    pids: list[int] = []
    started = asyncio.Event()

    def read(line: str) -> None:
        pids.append(int(line))
        started.set()

    script = program("sleep 600 & echo $!; echo $$ >&2; wait")
    task: asyncio.Task[object] = asyncio.create_task(
        run_ffmpeg(script, [], timeout_s, on_output=read, on_log=lambda line: pids.append(int(line)))
    )
    await asyncio.wait_for(started.wait(), 10)
    return task, pids


async def test_too_slow_is_killed_with_its_children(program: Callable[[str], Path]) -> None:
    task, pids = await _start_family(program, 1.0)
    with pytest.raises(FFmpegTimeoutError, match="within 1 s"):
        await task
    assert len(pids) == 2
    wait_until(lambda: all(map(ended, pids)), what="the end of all processes")


async def test_cancelling_the_task_kills_it(program: Callable[[str], Path]) -> None:
    task, pids = await _start_family(program, 600)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wait_until(lambda: all(map(ended, pids)), what="the end of all processes")


async def test_a_real_one_that_would_never_end(ffmpeg: Path) -> None:
    with pytest.raises(FFmpegTimeoutError):
        await run_ffmpeg(ffmpeg, ENDLESS, 0.3)
    assert running_ffmpegs() == []


def test_after_kill_9_of_its_parent_it_ends_too(ffmpeg: Path) -> None:
    """By a limit on its processor time."""
    script = (
        "import asyncio, sys; from pathlib import Path; from shared.audio.ffmpeg import run_ffmpeg\n"
        f"asyncio.run(run_ffmpeg(Path({str(ffmpeg)!r}), {ENDLESS!r}, 1.0))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    try:
        wait_until(lambda: bool(psutil.Process(parent.pid).children()), what="FFmpeg's start")
        (child,) = psutil.Process(parent.pid).children()
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    try:
        wait_until(lambda: ended(child.pid), 60, "the end of the orphan")
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


@pytest.mark.parametrize("kind", ["missing", "not executable", "no program"])
async def test_what_can_not_be_started(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ffmpeg"
    if kind != "missing":
        path.write_bytes(b"\x7fELF of another world")
        path.chmod(0o755 if kind == "no program" else 0o644)
    with pytest.raises(ConfigurationError, match="can't be started") as caught:
        await run_ffmpeg(path, [], 10)
    assert caught.value.field == "FFMPEG_PATH"


async def test_what_can_not_be_started_now(ffmpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*args: object, **kwargs: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(TransientError, match="could not be started now"):
        await run_ffmpeg(ffmpeg, [], 10)


async def test_a_full_disk_is_not_the_recordings_fault(ffmpeg: Path, speech: Path) -> None:
    finished = await run_ffmpeg(ffmpeg, commands.decode(speech, 0, 100, Path("/dev/full")), 10)
    assert isinstance(machine_failure(finished, ffmpeg), NoDiskSpaceError)


@pytest.mark.parametrize("name", ["list.m3u8", "list.txt", "session.sdp", "manifest.mpd"])
async def test_no_file_and_no_address_is_followed(ffmpeg: Path, tmp_path: Path, speech: Path, name: str) -> None:
    """Here by its own name, which prepare() hides."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        texts = {
            "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXTINF:9,\n{speech}\n#EXT-X-ENDLIST\n",
            "list.txt": f"ffconcat version 1.0\nfile '{speech}'\nfile '{url}'\n",
            "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
            "manifest.mpd": f'<MPD profiles="urn:mpeg:dash:profile:isoff-main:2011"><BaseURL>{url}</BaseURL></MPD>',
        }
        path = tmp_path / name
        path.write_text(texts[name])
        finished = await run_ffmpeg(ffmpeg, commands.look_at(path), 10)
        assert finished.returncode != 0
        assert any("Format not on whitelist" in line for line in finished.log)
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_there_is_no_network(ffmpeg: Path, tmp_path: Path) -> None:
    """Even for a format that is accepted and would open an address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        arguments = commands.look_at(tmp_path / "speech.wav")
        arguments[-1] = f"http://127.0.0.1:{server.getsockname()[1]}/speech.wav"
        finished = await run_ffmpeg(ffmpeg, arguments, 10)
        assert any("Protocol 'http' not on whitelist" in line for line in finished.log)
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_a_concat_list_works_without_our_arguments(ffmpeg: Path, tmp_path: Path, speech: Path) -> None:
    """So the test above can fail."""
    path = tmp_path / "list.txt"
    path.write_text(f"ffconcat version 1.0\nfile '{speech}'\n")
    finished = await run_ffmpeg(ffmpeg, ["-safe", "0", "-i", str(path)], 10)
    assert any("Input #0, concat" in line for line in finished.log)
