"""Retention: deletes jobs that ended long ago, and whatever was left behind of jobs that are gone.

A job's row goes first, under its ETag: that is the moment when the job is gone, and nobody can replay it any more.
What else there is of it (blobs, its entry among the failures, pending calls) can be found without the row: by its age,
and by there being no row. So a purge that is killed at any point leaves nothing that a later one doesn't find.

The work is a list of sweeps of many small pages. Where time runs out, the next run goes on with the next page.
"""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode

from shared.jobs.record import JobRecord
from shared.jobs.store import JOBS_TABLE
from shared.storage.azure import storage_errors
from shared.telemetry.events import log_event

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient

_HISTORY_SHARE = 0.25
_SAVE_EACH_S = 5.0

logger = logging.getLogger(__name__)


def is_due(record: JobRecord, cutoff: datetime) -> bool:
    """Whether a job may be deleted: it ended before this time, and its outcome is out."""
    published = record.published_at
    return record.state.final and published is not None and max(record.updated_at, published) < cutoff


@dataclass(frozen=True, slots=True)
class Swept:
    """What one page came to.

    Attributes:
        deleted: how many things.
        after: where to go on; None at the end of the sweep.
    """

    deleted: int
    after: str | None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a purge goes on: within the sweep of this name, after this place."""

    sweep: str
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Purged:
    """What a run deleted, by what it is, and how many pages it looked at; whether it came to the end of the list."""

    counts: Mapping[str, int]
    complete: bool


class Sweep(Protocol):
    """One part of the work.

    Attributes:
        name: unlike all others'.
        what: it deletes, for the log.
    """

    name: str
    what: str

    async def page(self, cutoff: datetime, after: str | None) -> Swept:
        """Look at one page behind `after`, and delete what is due. Doing so twice is harmless.

        Raises:
            StorageError
        """
        ...


class Bookmark(Protocol):
    """Keeps the position from one run to the next. Both methods raise StorageError."""

    async def load(self) -> Position | None: ...

    async def save(self, position: Position | None) -> None: ...


class History(Protocol):
    """The durable history of orchestrations that have ended."""

    async def purge(self, before: datetime) -> int:
        """Delete that of instances which were created before. Returns how many."""
        ...


class Retention:
    """Purges.

    Args:
        keep: how long after their end jobs are kept; None for ever.
        longest_s: of one run; a page that has begun is ended.
        now: the time, against what storage says of its rows and blobs.
        monotonic: seconds, for the length of the run.
    """

    def __init__(
        self,
        sweeps: Sequence[Sweep],
        bookmark: Bookmark,
        keep: timedelta | None,
        longest_s: float,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sweeps = sweeps
        self._bookmark = bookmark
        self._keep = keep
        self._longest_s = longest_s
        self._now = now
        self._monotonic = monotonic

    async def run(self, history: History) -> Purged:
        """Purge for as long as one run may take.

        Raises:
            StorageError: what is deleted stays deleted; the next run goes on.
        """
        if self._keep is None:
            return Purged({}, complete=True)
        cutoff = self._now() - self._keep
        until_s = self._monotonic() + self._longest_s
        counts: Counter[str] = Counter()
        counts["histories"] = await self._purge_history(history, cutoff)
        complete = await self._sweep(cutoff, until_s, counts)
        log_event(logger, "retention_ran", complete=complete, **counts)
        return Purged(dict(counts), complete)

    async def _purge_history(self, history: History, cutoff: datetime) -> int:
        """First, with a limit of its own: neither it nor the jobs may use up all the time of every night."""
        try:
            async with asyncio.timeout(self._longest_s * _HISTORY_SHARE):
                return await history.purge(cutoff)
        except Exception as error:
            # Whatever it is that the durable extension can't do tonight, the jobs have their turn.
            log_event(logger, "history_not_purged", level=logging.WARNING, reason=type(error).__name__)
            return 0

    async def _sweep(self, cutoff: datetime, until_s: float, counts: Counter[str]) -> bool:
        position = await self._bookmark.load()
        names = [sweep.name for sweep in self._sweeps]
        first = names.index(position.sweep) if position is not None and position.sweep in names else 0
        after = position.after if position is not None and position.sweep in names else None
        saved_s = self._monotonic()
        for sweep in self._sweeps[first:]:
            while True:
                # Between pages: where the time is over, or else so often that a run that is killed costs little.
                out_of_time = self._monotonic() >= until_s and bool(counts["pages"])
                if out_of_time or self._monotonic() - saved_s >= _SAVE_EACH_S:
                    await self._bookmark.save(Position(sweep.name, after))
                    saved_s = self._monotonic()
                if out_of_time:
                    return False
                swept = await sweep.page(cutoff, after)
                counts[sweep.what] += swept.deleted
                counts["pages"] += 1
                after = swept.after
                if after is None:
                    break
        await self._bookmark.save(None)
        return True


class BookmarkRow:
    """Implements Bookmark by a row beside the jobs."""

    _KEYS = ("retention", "position")

    def __init__(self, service: "TableServiceClient") -> None:
        self._table = service.get_table_client(JOBS_TABLE)

    async def load(self) -> Position | None:
        """See Bookmark. What can't be read means to begin at the beginning."""
        async with storage_errors("Reading how far the retention is"):
            try:
                row = await self._table.get_entity(*self._KEYS)
            except ResourceNotFoundError:
                return None
        try:
            return Position(*json.loads(row["position"]))
        except (KeyError, TypeError, ValueError):
            return None

    async def save(self, position: Position | None) -> None:
        """See Bookmark."""
        partition, key = self._KEYS
        async with storage_errors("Noting how far the retention is"):
            if position is None:
                await self._table.delete_entity(partition, key)
                return
            text = json.dumps([position.sweep, position.after])
            row = {"PartitionKey": partition, "RowKey": key, "position": text}
            await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)
