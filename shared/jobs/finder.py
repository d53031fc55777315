"""Finds jobs for people: one by its id, or page by page. What it returns is what their rows say."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.errors import StorageError
from shared.jobs.job_list import JobList, Listed, ListQuery
from shared.jobs.record import JobRecord
from shared.jobs.store import JobStore
from shared.telemetry.events import log_event

_CONCURRENCY = 16
_LOOKED_AT = 500
"""So many entries are looked at for one page, however many of them are out of date."""
_SETTLED = timedelta(seconds=60)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs.

    Attributes:
        after: for the next page; None where there is none. A page may hold fewer jobs than asked for, and not be the
            last.
    """

    records: Sequence[JobRecord]
    after: str | None


class JobFinder:
    """Reads jobs by the list and checks each by its row: an entry may be some moments behind."""

    def __init__(self, store: JobStore, job_list: JobList, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._list = job_list
        self._clock = clock

    async def by_id(self, job_id: str, kinds: Sequence[str]) -> list[JobRecord]:
        """The jobs of this id: at most one of each kind."""
        found = await asyncio.gather(*(self._store.get(kind, job_id) for kind in kinds))
        return [record for record in found if record is not None]

    async def page(self, query: ListQuery, most: int) -> Page:
        """The next jobs, newest first.

        Raises:
            StorageError
        """
        records: list[JobRecord] = []
        looked_at = 0
        while True:
            # One more than needed tells whether there are others.
            wanted = most - len(records)
            entries = await self._list.page(query, wanted + 1)
            taken = entries[:wanted]
            looked_at += len(taken)
            records += [record for record in await self._records(taken) if record is not None]
            if len(entries) <= wanted:
                return Page(records, None)
            query = replace(query, after=taken[-1].position)
            if len(records) == most or looked_at >= _LOOKED_AT:
                return Page(records, query.after)

    async def _records(self, entries: Sequence[Listed]) -> list[JobRecord | None]:
        turns = asyncio.Semaphore(_CONCURRENCY)

        async def one(listed: Listed) -> JobRecord | None:
            async with turns:
                return await self._record(listed)

        return await asyncio.gather(*(one(listed) for listed in entries))

    async def _record(self, listed: Listed) -> JobRecord | None:
        """The job of an entry, where it still is in the state that the entry stands for."""
        entry = listed.entry
        record = await self._store.get(entry.kind, entry.job_id)
        if record is not None and record.state is listed.state:
            return record
        changed_at = record.updated_at if record else listed.created_at
        if self._clock() - changed_at > _SETTLED:
            # Nobody is about to put it right.
            try:
                await self._list.writer.settle(entry, record.state if record else None)
            except StorageError as error:
                log_event(logger, "list_not_mended", level=logging.WARNING, reason=error.code)
        return None
