"""FFmpeg as a child process: found, run with a time limit, never left behind."""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigurationError, SluiceError, TransientError

_LOG_LINES = 200
_LINE_CHARS = 500
_READ_BYTES = 64 * 1024

type LineReader = Callable[[str], None]


class FFmpegTimeoutError(TimeoutError):
    """FFmpeg did not end in time and was killed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended.

    Attributes:
        returncode: below 0 where a signal ended it.
        log: the last 200 lines that it wrote to standard error, cut to 500 characters each.
    """

    returncode: int
    log: tuple[str, ...]


def find_ffmpeg(configured: str | None) -> Path:
    """The FFmpeg to use: the configured one, else one in PATH, else the one that imageio-ffmpeg brings.

    Args:
        configured: path of the executable, or its name in PATH.

    Raises:
        ConfigurationError: there is none, or the configured one can't be run.
    """
    if configured:
        if found := shutil.which(configured):
            return Path(found).absolute()
        raise ConfigurationError(
            f"FFMPEG_PATH names {configured!r}, which is no executable file here. Set it to the full path of the "
            "ffmpeg program, or remove it: then PATH is searched, and the package imageio-ffmpeg.",
            field="FFMPEG_PATH",
        )
    found = shutil.which("ffmpeg") or _packaged()
    if found is None:
        raise ConfigurationError(
            "FFmpeg, which audio jobs need, was not found. Install the package imageio-ffmpeg, or FFmpeg itself, and "
            "set FFMPEG_PATH to the full path of the ffmpeg program where it isn't in PATH.",
            field="FFMPEG_PATH",
        )
    return Path(found).absolute()


def _packaged() -> str | None:
    try:
        from imageio_ffmpeg import get_ffmpeg_exe  # on demand: nothing else needs it

        return shutil.which(str(get_ffmpeg_exe()))
    except (ImportError, RuntimeError):  # not installed; no binary for this platform
        return None


async def run_ffmpeg(
    ffmpeg: Path,
    arguments: Sequence[str],
    timeout_s: float,
    *,
    on_output: LineReader | None = None,
    on_log: LineReader | None = None,
) -> Finished:
    """Run FFmpeg without a shell, and without our environment, which holds secrets.

    Whatever happens, the process and its children have ended when this returns or raises; also when the awaiting task
    is cancelled. Should this process be killed, a limit on FFmpeg's processor time ends it, somewhat later.

    Args:
        arguments: after the common ones. Lines of the log are prefixed with their level.
        on_output: gets every line of standard output; lines are cut to 500 characters.
        on_log: the same for standard error.

    Raises:
        FFmpegTimeoutError
        ConfigurationError: it can't be started, and never will be.
        TransientError: it can't be started now, for want of memory for example.
    """
    common = ["-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "level+info"]
    limit_s = max(1, round(timeout_s * (os.cpu_count() or 1)))
    try:
        process = await asyncio.create_subprocess_exec(
            *(str(ffmpeg), *common, "-timelimit", str(limit_s), *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            start_new_session=True,  # a group of its own, to be killed as a whole
        )
    except OSError as error:
        raise _start_error(ffmpeg, error) from error
    assert process.stdout is not None  # noqa: S101 - PIPE above
    assert process.stderr is not None  # noqa: S101
    log: deque[str] = deque(maxlen=_LOG_LINES)
    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            group.create_task(_read(process.stdout, [on_output] if on_output else []))
            group.create_task(_read(process.stderr, [log.append, on_log] if on_log else [log.append]))
            group.create_task(process.wait())
    except BaseException as error:
        # Itself may have ended and something that it started not: the group goes on as long as one of them lives.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(error, TimeoutError):
            raise FFmpegTimeoutError(f"FFmpeg did not end within {timeout_s:.0f} s") from None
        raise
    return Finished(process.returncode or 0, tuple(log))


def _start_error(ffmpeg: Path, error: OSError) -> SluiceError:
    if error.errno in (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR):
        return ConfigurationError(
            f"FFmpeg at {ffmpeg} can't be started ({error.strerror}). Set FFMPEG_PATH to the full path of an ffmpeg "
            "program that runs on this machine.",
            field="FFMPEG_PATH",
        )
    return TransientError(f"FFmpeg at {ffmpeg} could not be started now ({error.strerror}).")


async def _read(stream: asyncio.StreamReader, readers: Sequence[LineReader]) -> None:
    async for line in _lines(stream):
        for reader in readers:
            reader(line)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of any length, in bounded memory."""
    rest = b""
    while block := await stream.read(_READ_BYTES):
        *whole, rest = (rest + block).split(b"\n")
        rest = rest[:_LINE_CHARS]
        for line in whole:
            yield _text(line)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line[:_LINE_CHARS].decode("utf-8", errors="replace").rstrip("\r")
