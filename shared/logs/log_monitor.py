"""Ships rotated log files: finds them, uploads them, deletes them when they are there."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.errors import ConfigurationError, SluiceError
from shared.logs.checkpoint import Checkpoint
from shared.logs.disk_cap import judge
from shared.logs.log_files import LocalFile, active_bytes, claimed, finish_left, rotated_files
from shared.storage.blob_uploader import AsyncBlobStorageUploader
from shared.telemetry.events import log_event
from shared.telemetry.logger import get_app_name

_AT_ONCE = 50
"""Files in line or on their way; the others wait on the disk."""
_REST = 5.0
"""A folder that takes long to look at is looked at less often: a sixth of the time."""
_DAY_S = 86_400.0
_SCAN, _BEGUN = "(scan)", "(begun)"
"""What else than a file there may be something to tell of."""

logger = logging.getLogger(__name__)


class LogWriter(Protocol):
    """What the monitor needs of the handler that writes this process's own file (RotatingLogHandler).

    Attributes:
        instance, number: of the newest file.
        writing: whether it is still written to.
    """

    instance: str
    number: int

    @property
    def writing(self) -> bool: ...

    def rotate(self) -> None: ...


class Announcer(Protocol):
    """Hears of files that were begun, so that one that never arrives is missed."""

    async def begun(self, instance: str, number: int) -> None:
        """A file was begun. Raises StorageError to be told again."""

    async def close(self) -> None:
        """Nothing follows."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a look at the folder found: rotated files, and how many of them were put in line."""

    found: int
    begun: int


class LogMonitorService:
    """Looks at a folder every `scan_interval` s and ships what is rotated, oldest first.

    A file is done when storage has confirmed its content; only then it is deleted here. What fails is tried again with
    every look. Files that dead processes were writing to are shipped as they are. Several monitors may work on one
    folder, in any number of processes: each file is claimed by one of them for as long as that one lives.

    Args:
        logs_dir: the folder; not looked into deeper.
        account_name: of the storage account; or give its address:
        account_url: such as "https://myaccount.blob.core.windows.net".
        app_name: the folder in the container for files of the standard library's handlers; ours have it in their
            names. None is the name of this app.
        retention_days: how long files are kept here after they were shipped.
        scan_interval: in s.
        max_disk_bytes: see disk_cap.judge; None means no limit.
        uploader: instead of one to this account. The monitor starts it and shuts it down.
        writer: of this process's own file.
        announcer: told once of every file that the writer begins.
        left_after_s: see finish_left.
        clock: in seconds since 1970.

    Attributes:
        shipped: how many files it has shipped.

    Raises:
        ConfigurationError: neither an account nor an uploader is given.
    """

    def __init__(
        self,
        logs_dir: str | Path,
        account_name: str | None = None,
        account_url: str | None = None,
        container_name: str = "sluice-logs",
        app_name: str | None = None,
        retention_days: float = 0.0,
        scan_interval: float = 5.0,
        *,
        max_disk_bytes: int | None = None,
        uploader: AsyncBlobStorageUploader | None = None,
        writer: LogWriter | None = None,
        announcer: Announcer | None = None,
        left_after_s: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        address = account_url or (f"https://{account_name}.blob.core.windows.net" if account_name else None)
        if uploader is None and address is None:
            raise ConfigurationError("A log monitor needs account_name or account_url.", field="account_url")
        self._folder = Path(logs_dir)
        self._app_name = app_name or get_app_name()
        self._keep_s = retention_days * _DAY_S
        self._interval_s = scan_interval
        self._cap = max_disk_bytes
        self._uploader = uploader or AsyncBlobStorageUploader(address or "", container_name)
        self._writer, self._announcer, self._announced = writer, announcer, 0
        self._left_after_s = left_after_s
        self._clock = clock
        self._checkpoint = Checkpoint(self._folder)
        self._shipping: dict[str, asyncio.Task[None]] = {}
        self._announcing: asyncio.Task[None] | None = None
        self._told: dict[str, str] = {}
        self._warned = False
        self._ending = asyncio.Event()
        self._given_up: set[str] = set()
        self.shipped = 0
        self._loop: asyncio.Task[None] | None = None

    async def initialize(self) -> None:
        """Start the uploader and the looks."""
        await self._uploader.initialize()
        if self._loop is None:
            self._loop = asyncio.create_task(self._run(), name="log-monitor")

    async def shutdown(self, timeout_s: float = 30.0) -> list[Path]:
        """Rotate this process's own file, look a last time, and wait for what is in line, up to this time.

        Returns:
            The files that are still here and not known to be stored.
        """
        until_s = time.monotonic() + timeout_s
        self._ending.set()
        if self._loop is not None:
            await self._loop
        self._uploader.hurry()
        if self._writer is not None:
            self._writer.rotate()
        while True:
            await self.scan()
            left_s = until_s - time.monotonic()
            if not self._shipping or left_s <= 0:
                break
            await asyncio.wait(self._shipping.values(), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        await self._uploader.shutdown(max(0.0, until_s - time.monotonic()))
        await asyncio.gather(*self._shipping.values())
        if self._announcing is not None:
            self._announcing.cancel()
            await asyncio.gather(self._announcing, return_exceptions=True)
        if self._announcer is not None:
            await self._announcer.close()
        files = await asyncio.to_thread(rotated_files, self._folder)
        return [file.path for file in files if file not in self._checkpoint]

    async def ship_all(self, timeout_s: float) -> list[Path]:
        """Ship what is there now, and end. See shutdown()."""
        await self._uploader.initialize()
        return await self.shutdown(timeout_s)

    async def scan(self) -> Scanned:
        """Look once. What goes wrong with one file concerns no other."""
        try:
            if self._announcing is None or self._announcing.done():  # it may take its time: files don't wait for it
                self._announcing = asyncio.create_task(self._tell_begun(), name="log-announcement")
            await asyncio.to_thread(finish_left, self._folder, older_than_s=self._left_after_s)
            files = await asyncio.to_thread(rotated_files, self._folder)
            waiting = [file for file in files if not self._is_done(file)]
            if self._cap is not None:
                files, waiting = self._keep_to_cap(files, waiting, self._cap)
        except Exception as error:
            self._tell(_SCAN, "log_scan_failed", f"{type(error).__name__}: {error}")
            return Scanned(0, 0)
        known = {_SCAN, _BEGUN, *(file.path.name for file in files)}
        self._told = {what: reason for what, reason in self._told.items() if what in known and what != _SCAN}
        return Scanned(len(files), sum(map(self._begin, waiting)))

    async def _run(self) -> None:
        while not self._ending.is_set():
            began_s = time.monotonic()
            await self.scan()
            pause_s = max(self._interval_s, (time.monotonic() - began_s) * _REST)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause_s)

    def _is_done(self, file: LocalFile) -> bool:
        """Whether a file was shipped before. One that was kept long enough is deleted."""
        if file not in self._checkpoint:
            return False
        if self._clock() - file.modified_s >= self._keep_s:
            self._delete(file)
        return True

    def _begin(self, file: LocalFile) -> bool:
        name = file.path.name
        if name in self._shipping or name in self._given_up or len(self._shipping) >= _AT_ONCE:
            return False
        self._shipping[name] = asyncio.create_task(self._ship(file), name=f"ship {name}")
        return True

    async def _ship(self, file: LocalFile) -> None:
        name = file.path.name
        try:
            with claimed(file.path) as ours:
                if ours:
                    app = file.name.app if file.name else self._app_name
                    stored = await (await self._uploader.upload_file(file.path, file.blob_name, app))
                    if not stored.name.endswith(file.blob_name):
                        self._tell(name, "log_conflict", f"another content has this name: stored as {stored.name}")
                    self._checkpoint.add(file)
                    self.shipped += 1
                    if self._keep_s <= 0:
                        self._delete(file)
                    self._told.pop(name, None)
        except FileNotFoundError:
            pass  # another monitor was quicker
        except Exception as error:
            if _is_there(file.path):
                known = isinstance(error, SluiceError)
                self._tell(name, "log_not_shipped", str(error) if known else f"{type(error).__name__}: {error}")
            if self._ending.is_set():
                self._given_up.add(name)
        finally:
            self._shipping.pop(name, None)

    def _delete(self, file: LocalFile) -> None:
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            self._tell(file.path.name, "log_not_deleted", f"{error.strerror or error}")
        else:
            self._checkpoint.forget(file)

    def _keep_to_cap(
        self, files: list[LocalFile], waiting: list[LocalFile], cap: int
    ) -> tuple[list[LocalFile], list[LocalFile]]:
        """Delete what doesn't fit on the disk, never before a look that has warned of it."""
        names = {file.path.name for file in waiting}
        shipped = [file for file in files if file.path.name not in names]
        verdict = judge(shipped, waiting, active_bytes(self._folder), cap)
        warned, self._warned = self._warned, verdict.near
        if verdict.near and not warned:
            log_event(logger, "log_disk_nearly_full", level=logging.WARNING, used=verdict.used, cap=cap)
        drop = verdict.drop if warned else ()
        for file in drop:
            if file.path.name in names:
                log_event(logger, "log_file_dropped", level=logging.ERROR, file=file.path.name, bytes=file.size)
            self._delete(file)
        gone = {file.path.name for file in drop}
        return [f for f in files if f.path.name not in gone], [f for f in waiting if f.path.name not in gone]

    async def _tell_begun(self) -> None:
        writer = self._writer
        if writer is None or self._announcer is None or not writer.writing or writer.number <= self._announced:
            return
        number = writer.number
        try:
            await self._announcer.begun(writer.instance, number)
        except SluiceError as error:
            self._tell(_BEGUN, "log_not_announced", error.code)
            return
        self._announced = number
        self._told.pop(_BEGUN, None)

    def _tell(self, what: str, event: str, reason: str) -> None:
        """Log a reason once, not with every look."""
        if self._told.get(what) != reason:
            self._told[what] = reason
            file = None if what in (_SCAN, _BEGUN) else what
            log_event(logger, event, level=logging.WARNING, reason=reason, file=file)


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)  # also where it can't be opened
