"""The log file of a process: lines go straight to the disk, and every so often the file gets its final name.

A line is one write to the page cache under the handler's lock: nothing waits for the network, and what a call has
logged survives kill -9 of its process. The file that is written to is locked (flock) as long as its process lives, so
that another process can tell a file in use from what a dead one has left.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from shared.telemetry.context import is_shipped
from shared.telemetry.formats import StructuredFormatter
from shared.telemetry.log_names import ACTIVE, LogName, date_of, instance_id

if sys.platform != "win32":  # there logs aren't written to files: see shared/log_settings.py
    import fcntl

_RETRY_S = 1.0
"""After a file could not be opened, lines are dropped (and counted) for so long before the next try."""
_DAY_S = 86_400.0

_handlers: "WeakSet[RotatingLogHandler]" = WeakSet()


class ActiveFile:
    """A file that this process writes to, locked until it is finished.

    Attributes:
        size: in bytes, of whole lines.
        torn: whether a part of a line stands at its end, so that no other may follow.

    Raises:
        OSError: it can't be made.
    """

    def __init__(self, folder: Path, name: LogName) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.size = 0
        self.torn = False
        self._final = folder / str(name)
        self._path = folder / f"{name}{ACTIVE}"
        # Locked before it can be seen by its name: to others an unlocked file is one that its writer has left.
        hidden = folder / f".{name}{ACTIVE}"
        self._fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            with suppress(OSError):  # some shares know no locks: see is_left in shared/logs/log_files.py
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._path)
        except OSError:
            os.close(self._fd)
            hidden.unlink(missing_ok=True)
            raise

    def append(self, line: bytes) -> None:
        """Write a line, whole or not at all.

        Raises:
            OSError: it was not written; see torn.
        """
        written = os.write(self._fd, line)
        try:
            while written < len(line):  # the disk is nearly full
                written += os.write(self._fd, line[written:])
        except OSError:
            self.torn = True
            os.ftruncate(self._fd, self.size)
            self.torn = False
            raise
        self.size += written

    def finish(self) -> None:
        """Give it its final name and let it go. Where somebody removed the folder it is written anew.

        Raises:
            OSError: it keeps its name, and is found as left behind.
        """
        try:
            try:
                self._path.rename(self._final)
            except FileNotFoundError:
                self._final.parent.mkdir(parents=True, exist_ok=True)
                self._final.write_bytes(os.pread(self._fd, self.size, 0))
        finally:
            os.close(self._fd)

    def abandon(self) -> None:
        """Let it go without touching it: it belongs to the process that this one was forked from."""
        os.close(self._fd)


class RotatingLogHandler(logging.Handler):
    """Writes records as lines into files named by LogName.

    A file is finished after `rotation_s`, before it grows beyond `max_bytes`, at the end of the day, or when nothing
    was written for `quiet_s`: an instance that ends was quiet before, usually. There is no file until there is a line.

    What can't be written (a full disk) is dropped and counted; the first line that can be written again is an event
    `log_lines_dropped` with the count. A log call never raises and never waits for more than the disk.

    Args:
        folder: of this machine's files; made when needed.
        machine: letters and digits.
        rotation_s: None leaves it to size, silence and the day.
        daily: a file ends with the day, UTC.
        quiet_s: None leaves a quiet file alone.
        monotonic, clock: in seconds.

    Attributes:
        instance: name of this process in lines and file names.
        number: of the newest file; 0 before the first.
        writing: whether it is still written to.
    """

    def __init__(
        self,
        folder: Path,
        formatter: StructuredFormatter,
        *,
        app: str,
        machine: str,
        rotation_s: float | None = 60.0,
        max_bytes: int = 8_000_000,
        daily: bool = False,
        quiet_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.number = 0
        self._folder, self._app, self._machine = folder, app, machine
        self._lines = formatter
        self._rotation_s = float("inf") if rotation_s is None else rotation_s
        self._quiet_s = float("inf") if quiet_s is None else quiet_s
        self._max_bytes, self._daily = max_bytes, daily
        self._monotonic, self._clock = monotonic, clock
        self._file: ActiveFile | None = None
        self._due_s = self._wrote_s = self._retry_s = float("-inf")
        self._dropped = 0
        self._opened = threading.Event()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None
        self._begin_instance()
        _handlers.add(self)

    @property
    def writing(self) -> bool:
        """Whether there is a file without its final name. Waits for a rotation under way."""
        self.acquire()
        try:
            return self._file is not None
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if not is_shipped() or self._ended.is_set():
            return
        try:
            line = (self.format(record) + "\n").encode()
        except Exception:
            self.handleError(record)
            return
        try:
            self._write(line, record)
        except OSError:
            self._dropped += 1
            if self._file is not None and self._file.torn:
                self.rotate()

    def rotate(self) -> None:
        """Finish the present file, if there is one."""
        self.acquire()
        try:
            file, self._file = self._file, None
            if file is not None:
                file.finish()
        except OSError:
            return  # it stays as it is, and is found as left behind
        finally:
            self.release()

    def close(self) -> None:
        """Finish the present file and write no more."""
        self._ended.set()
        self._opened.set()
        self.rotate()
        super().close()

    def _write(self, line: bytes, record: logging.LogRecord) -> None:
        now_s = self._monotonic()
        file = self._file
        if file is not None and (now_s >= self._due_s or 0 < file.size > self._max_bytes - len(line)):
            self.rotate()
            file = None
        if file is None:
            file = self._open(now_s)
        if self._dropped:
            self._tell_dropped(file, record)
        file.append(line)
        self._wrote_s = now_s

    def _open(self, now_s: float) -> ActiveFile:
        if now_s < self._retry_s:
            raise OSError("the disk could not be written to a moment ago")
        self._retry_s = now_s + _RETRY_S
        wall_s = self._clock()
        file = ActiveFile(self._folder, LogName(self._app, self.instance, date_of(wall_s), self.number + 1))
        self._retry_s = float("-inf")
        self.number += 1
        left_s = _DAY_S - wall_s % _DAY_S if self._daily else float("inf")
        self._due_s = now_s + min(self._rotation_s, left_s)
        self._wrote_s = now_s
        self._file = file
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="log-rotation", daemon=True)
            self._ticker.start()
        self._opened.set()
        return file

    def _tell_dropped(self, file: ActiveFile, last: logging.LogRecord) -> None:
        told = {
            "name": __name__,
            "levelno": logging.ERROR,
            "levelname": "ERROR",
            "created": last.created,
            "event": "log_lines_dropped",
            "fields": {"count": self._dropped},
        }
        file.append((self.format(logging.makeLogRecord(told)) + "\n").encode())
        self._dropped = 0

    def _tick(self) -> None:
        """Finish files in time where no further line does. Sleeps while there is no file."""
        while self._opened.wait() and not self._ended.is_set():
            left_s = self._finish_in_time()
            if left_s > 0:
                self._ended.wait(min(left_s, threading.TIMEOUT_MAX))

    def _finish_in_time(self) -> float:
        """Finish the present file if it is time. Returns how long it has until then, in s; 0 where there is none."""
        self.acquire()
        try:
            if self._file is None:
                self._opened.clear()
                return 0.0
            left_s = min(self._due_s, self._wrote_s + self._quiet_s) - self._monotonic()
            if left_s <= 0:
                self.rotate()
            return left_s
        finally:
            self.release()

    def _begin_instance(self) -> None:
        self.instance = instance_id(self._machine, os.getpid(), self._clock())
        self._lines.sign(self._app, self.instance)

    def _after_fork(self) -> None:
        """A child is an instance of its own: two processes must not count the same files."""
        file, self._file = self._file, None
        if file is not None:
            file.abandon()
        self.number = 0
        self._dropped = 0
        self._ticker = None
        # Of these the thread that isn't here may have held the locks.
        ended = self._ended.is_set()
        self._opened, self._ended = threading.Event(), threading.Event()
        if ended:
            self._ended.set()
        self._begin_instance()


def _after_fork() -> None:
    for handler in list(_handlers):
        handler._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
