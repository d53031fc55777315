"""Temporary folders that are always removed: at the end of their use, or by the next one after a crash.

Each folder holds a lock file whose lock the operating system releases when its process ends, however it ends (flock
belongs to the open file: two uses in one process keep out of each other's way too). A folder whose lock is free has no
owner any more. One lock over all keeps a folder from being swept in the moment between its making and its locking.
"""

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from shared.audio.errors import NoDiskSpaceError

_LOCK = ".lock"
_PREFIX = "job-"


def default_root() -> Path:
    """Where the folders of this user are, on this machine's temporary disk."""
    return Path(tempfile.gettempdir()) / f"sluice-audio-{os.getuid()}"


@asynccontextmanager
async def workspace(needed_bytes: int, root: Path | None = None) -> AsyncIterator[Path]:
    """A temporary folder, removed at the end with all that is in it. Sweeps what dead processes left behind.

    Args:
        needed_bytes: that must be free on its disk.
        root: of all such folders; default_root() where none is given.

    Raises:
        NoDiskSpaceError: too little is free.
        OSError: the folder can't be made.
    """
    making = asyncio.ensure_future(asyncio.to_thread(_make, root or default_root()))
    try:
        folder, lock = await asyncio.shield(making)
    except asyncio.CancelledError:
        making.add_done_callback(_unmake)
        raise
    try:
        await asyncio.to_thread(check_space, folder, needed_bytes)
        yield folder
    finally:
        # Not in a thread: it has to be done before this task ends, also when the task is cancelled once more.
        _remove(folder, lock)


def check_space(folder: Path, needed_bytes: int) -> None:
    """
    Raises:
        NoDiskSpaceError: fewer bytes than these are free where the folder is.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise NoDiskSpaceError(
            f"The temporary disk of this machine has {free / 1e6:,.0f} MB free, and {needed_bytes / 1e6:,.0f} MB are "
            "needed. It is tried again later. If that doesn't help, lower AUDIO_MAX_BYTES and AUDIO_MAX_DURATION_S, "
            "or have fewer recordings prepared at once."
        )


@contextmanager
def disk_errors() -> Iterator[None]:
    """
    Raises:
        NoDiskSpaceError: for an error of the system that means so.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoDiskSpaceError(f"The temporary disk of this machine is full ({error.strerror}).") from error


def sweep(root: Path) -> int:
    """Remove the folders of processes that have ended. Returns how many there were."""
    with _guard(root):
        return _sweep(root)


def _make(root: Path) -> tuple[Path, int]:
    with disk_errors():
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _guard(root):
            _sweep(root)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, lock


def _unmake(making: asyncio.Future[tuple[Path, int]]) -> None:
    if not making.cancelled() and making.exception() is None:
        _remove(*making.result())


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _sweep(root: Path) -> int:
    return sum(_removed_if_dead(folder) for folder in root.glob(f"{_PREFIX}*"))


def _removed_if_dead(folder: Path) -> bool:
    try:
        # Made where it is missing: a process may have died before it could.
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:  # its owner has just removed it; or it is no folder of ours
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    _remove(folder, lock)
    return True


@contextmanager
def _guard(root: Path) -> Iterator[None]:
    lock = os.open(root / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
