"""Log files on the disk: which are rotated, whose writer is dead, whose turn it is."""

import errno
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shared.telemetry.log_names import ACTIVE, SUFFIX, LogName, date_of

if sys.platform != "win32":
    import fcntl

# What logging.handlers.TimedRotatingFileHandler makes of app.log. RotatingFileHandler renames its files again and
# again (app.log.1 becomes app.log.2), so theirs can't be told from each other.
_TIMED = re.compile(r"[\w.-]+\.log\.\d{4}-\d\d-\d\d(?:_\d\d(?:-\d\d){0,2})?")
# Where locks aren't known, a file that nobody wrote to for so long is taken for left behind. Writers rotate daily at
# the latest, so this costs time but no line.
_LEFT_AFTER_S = 26 * 3600.0
_NO_LOCKS = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A rotated log file.

    Attributes:
        name: its parts; None for a file of the standard library's handler.
        size: in bytes.
        modified_s: when it was last written to, in seconds since 1970.
    """

    path: Path
    name: LogName | None
    size: int
    modified_s: float
    modified_ns: int

    @property
    def blob_name(self) -> str:
        """Where it belongs within the app's folder: a folder for each day."""
        day = self.name.date if self.name else date_of(self.modified_s)
        return f"{day}/{self.path.name}.gz"


def is_rotated(name: str) -> bool:
    """Whether a file of this name isn't written to any more."""
    if name.startswith("."):
        return False
    return (name.endswith(SUFFIX) and LogName.parse(name) is not None) or _TIMED.fullmatch(name) is not None


def rotated_files(folder: Path) -> list[LocalFile]:
    """The rotated files of a folder, oldest first; those of one instance always by their numbers.

    A folder that isn't there has none. A file that can't be looked at is listed as empty, so that who reads it says so.
    """
    found: list[LocalFile] = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        found = [file for entry in entries if is_rotated(entry.name) and (file := _look_at(entry)) is not None]
    return in_order(found)


def in_order(files: list[LocalFile]) -> list[LocalFile]:
    """Oldest first. A clock that was set back doesn't change the order within an instance."""
    found = sorted(files, key=lambda file: (_instance(file), file.name.n if file.name else 0, file.modified_ns))
    keyed: list[tuple[int, int, LocalFile]] = []
    instance, latest_ns = "", 0
    for file in found:
        if _instance(file) != instance:
            instance, latest_ns = _instance(file), 0
        latest_ns = max(latest_ns, file.modified_ns)
        keyed.append((latest_ns, len(keyed), file))
    return [file for _, _, file in sorted(keyed, key=lambda key: key[:2])]


def finish_left(folder: Path, *, older_than_s: float = 0.0) -> list[Path]:
    """Give files that dead processes were writing to their final names.

    Args:
        older_than_s: only those that nobody wrote to for so long: on a share, whose locks are less certain.

    Returns:
        Their new paths.
    """
    finished = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        active = sorted(entry.path for entry in entries if entry.name.endswith(f"{SUFFIX}{ACTIVE}"))
        for path in map(Path, active):
            with suppress(OSError):
                if (final := _finish(path, older_than_s)) is not None:
                    finished.append(final)
    return finished


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether this file is ours for now: no other process works on it. Where locks aren't known, it is.

    Raises:
        OSError: it is gone or can't be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield _lock(fd) is not False
    finally:
        os.close(fd)


def _finish(path: Path, older_than_s: float) -> Path | None:
    if path.name.startswith("."):
        # Its writer died between making and naming it: nothing was written yet.
        if time.time() - path.stat().st_mtime > _LEFT_AFTER_S:
            path.unlink()
        return None
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        locked = _lock(fd)
        idle_s = time.time() - os.fstat(fd).st_mtime
        if locked is False or idle_s < (_LEFT_AFTER_S if locked is None else older_than_s):
            return None
        final = path.with_name(path.name.removesuffix(ACTIVE))
        path.rename(final)  # by its writer or another monitor meanwhile: FileNotFoundError
        return final
    finally:
        os.close(fd)


def _lock(fd: int) -> bool | None:
    """Whether it could be locked; None where locks aren't known."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return None if error.errno in _NO_LOCKS else False
    return True


def _look_at(entry: os.DirEntry[str]) -> LocalFile | None:
    try:
        if entry.is_dir():
            return None
        found = entry.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return LocalFile(Path(entry.path), LogName.parse(entry.name), 0, 0.0, 0)
    return LocalFile(Path(entry.path), LogName.parse(entry.name), found.st_size, found.st_mtime, found.st_mtime_ns)


def _instance(file: LocalFile) -> str:
    return f"{file.name.app}-{file.name.instance}" if file.name else ""


def active_bytes(folder: Path) -> int:
    """How much the files that are still written to take."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                total += entry.stat().st_size if entry.name.endswith(ACTIVE) else 0
    return total
