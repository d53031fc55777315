"""What nobody else does for logs: leftovers of dead machines, files that no event told of, gaps, and retention."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from shared.errors import ConflictError, InvalidMessageError
from shared.logs.checkpoint import FILE_NAME
from shared.logs.index import LogIndex
from shared.logs.index_rows import InstanceFacts
from shared.logs.verify import LogFacts
from shared.storage.azure import FoundBlob
from shared.telemetry.events import log_event
from shared.telemetry.log_names import LogName

LATE_AFTER = timedelta(minutes=5)
"""A blob that no event told of by now is indexed by the sweep."""
LOST_AFTER = timedelta(minutes=30)
"""A file is missed when it didn't arrive for so long after it must have been rotated."""
SHARE_LEFT_AFTER_S = 900.0
"""On a share, files of machines that didn't write for so long are taken for left behind."""
_LONGEST_S = 120.0
_EMPTY_AFTER_S = 86_400.0
_GAP_CHARS = 500

logger = logging.getLogger(__name__)


class LogContainer(Protocol):
    """What the sweep needs of the container."""

    async def find(
        self, prefix: str, after: str | None = None, most: int = 1000
    ) -> tuple[list[FoundBlob], str | None]: ...

    async def remove(self, name: str, etag: str | None = None) -> bool: ...


type ShipFolder = Callable[[Path], Awaitable[tuple[int, int]]]
"""Ships what a folder holds; returns how many files it could ship, and how many not."""
type IndexBlob = Callable[[str], Awaitable[LogFacts | None]]
"""Reads a blob and indexes it."""


@dataclass(slots=True)
class Sweep:
    """What a sweep did."""

    shipped: int = 0
    unshipped: int = 0
    indexed: int = 0
    missing: int = 0
    deleted: int = 0

    @property
    def anything(self) -> bool:
        return bool(self.shipped or self.unshipped or self.indexed or self.missing or self.deleted)


class LogSweep:
    """One app's sweep.

    Args:
        folder: has a folder for each machine; `own` is that of this one, which its monitors look after.
        lost_after: see LOST_AFTER; longer where a file may be written to for longer.
        keep_days: 0 keeps logs for ever.
        longest_s: of one run; what is left is done in the next.
    """

    def __init__(
        self,
        app: str,
        folder: Path,
        own: Path,
        index: LogIndex,
        container: LogContainer,
        ship_folder: ShipFolder,
        index_blob: IndexBlob,
        keep_days: int,
        *,
        lost_after: timedelta = LOST_AFTER,
        longest_s: float = _LONGEST_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._folder, self._own = folder, own
        self._index, self._container = index, container
        self._ship_folder, self._index_blob = ship_folder, index_blob
        self._keep_days = keep_days
        self.lost_after = lost_after
        self._longest_s = longest_s
        self._now, self._monotonic = now, monotonic

    async def run(self) -> Sweep:
        """Do it all once.

        Raises:
            StorageError: what is done stays done.
        """
        done = Sweep()
        until_s = self._monotonic() + self._longest_s
        await self._leftovers(done)
        await self._unindexed(done, until_s)
        await self._gaps(done)
        if self._keep_days:
            await self._retention(done, until_s)
        return done

    async def _leftovers(self, done: Sweep) -> None:
        """Of machines that don't look after their folders any more: only a share has such."""
        for folder in await asyncio.to_thread(_folders_with_files, self._folder, self._own):
            shipped, left = await self._ship_folder(folder)
            done.shipped += shipped
            done.unshipped += left

    async def _unindexed(self, done: Sweep, until_s: float) -> None:
        """Events may be lost, or the subscription may be missing: look at the files of the last two days."""
        now = self._now()
        known: dict[str, InstanceFacts | None] = {}
        for day in (now - timedelta(days=1), now):
            after: str | None = None
            while True:
                blobs, after = await self._container.find(f"{self._app}/{day:%Y%m%d}/", after)
                for blob in blobs:
                    if blob.modified_at < now - LATE_AFTER and not await self._is_indexed(blob.name, known):
                        done.indexed += await self._index_again(blob.name)
                if after is None or self._monotonic() >= until_s:
                    break

    async def _is_indexed(self, blob: str, known: dict[str, InstanceFacts | None]) -> bool:
        name = LogName.parse(blob.rpartition("/")[2].removesuffix(".gz"))
        if name is None or "~" in blob:
            return True  # without a number nobody can tell, and nobody misses it
        if name.instance not in known:
            known[name.instance] = await self._index.instance(self._app, name.instance)
        found = known[name.instance]
        return found is not None and name.n in found.arrived

    async def _index_again(self, blob: str) -> bool:
        try:
            return await self._index_blob(blob) is not None
        except InvalidMessageError:
            return False  # deleted meanwhile

    async def _gaps(self, done: Sweep) -> None:
        """Say once of every instance that files of it are lost."""
        before = self._now() - self.lost_after
        async for facts in self._index.instances(self._app):
            missing = facts.missing_count(before)
            if missing <= facts.told:
                continue
            done.missing += missing - facts.told
            gaps = ",".join(f"{low}-{high}" if high > low else f"{low}" for low, high in facts.missing(before))
            log_event(
                logger,
                "logs_missing",
                level=logging.WARNING,
                instance=facts.instance,
                files=missing,
                numbers=gaps[:_GAP_CHARS],
            )
            await self._index.note_told(facts, missing)

    async def _retention(self, done: Sweep, until_s: float) -> None:
        """Blobs first: a row without a blob is known to be gone, a blob without a row would never be found."""
        cutoff = self._now() - timedelta(days=self._keep_days)
        date = f"{cutoff:%Y%m%d}"
        prefix = f"{self._app}/"
        while True:
            # From the beginning each time: what was there is deleted.
            blobs, _ = await self._container.find(prefix)
            days = {blob.name: blob.name.removeprefix(prefix).partition("/")[0] for blob in blobs}
            old = [blob for blob in blobs if _is_date(days[blob.name]) and days[blob.name] < date]
            removed = 0
            for blob in old:
                if self._monotonic() >= until_s:
                    return
                try:
                    removed += await self._container.remove(blob.name, blob.etag)
                except ConflictError:
                    continue  # somebody holds a lease on it: kept, on purpose
            done.deleted += removed
            if len(old) < len(blobs) or removed == 0:
                break
        await self._index.delete_before(self._app, date, cutoff)


def _is_date(text: str) -> bool:
    return len(text) == 8 and text.isascii() and text.isdecimal()


def _folders_with_files(folder: Path, own: Path) -> list[Path]:
    """Folders of other machines that hold logs. One that has been empty for a day is removed."""
    found = []
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            with suppress(OSError):
                if path == own or not path.is_dir():
                    continue
                if any(not entry.name.startswith(".") for entry in path.iterdir()):
                    found.append(path)
                elif time.time() - path.stat().st_mtime > _EMPTY_AFTER_S:
                    (path / FILE_NAME).unlink(missing_ok=True)
                    path.rmdir()
    return found
