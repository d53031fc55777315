"""Finds lines in shipped logs, reading only the blobs that can hold them."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from shared.errors import InvalidMessageError
from shared.logs.index import LogIndex
from shared.logs.verify import ContentError, LogFacts, LogState, job_ids_of, parse_line, time_of, unpack

_AHEAD = 8
"""Blobs that are read at the same time."""
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LogBlobs(Protocol):
    """What the search needs of blob storage."""

    async def read(self, name: str, *, max_bytes: int | None = None) -> bytes: ...


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What is looked for. What is None is no condition.

    Attributes:
        since, until: of the lines.
        instance: of the process; its beginning will do.
        level: the lowest.
        text: that the line holds, in any case.
    """

    since: datetime
    until: datetime
    app: str | None = None
    instance: str | None = None
    job_id: str | None = None
    level: str | None = None
    text: str | None = None

    def may_hold(self, facts: LogFacts) -> bool:
        """Whether a file can have such lines, by what the index says of it."""
        if facts.last < self.since or facts.first > self.until:
            return False
        if self.instance is not None and not facts.instance.startswith(self.instance):
            return False
        if self.level in ("ERROR", "CRITICAL") and facts.errors == 0 and facts.state is LogState.OK:
            return False
        return self.job_id is None or facts.jobs.may_hold(self.job_id)

    def fits(self, line: Mapping[str, Any], moment: datetime, raw: str) -> bool:
        """Whether a line is what is looked for."""
        if not self.since <= moment <= self.until:
            return False
        if self.job_id is not None and self.job_id not in job_ids_of(line):
            return False
        if self.level is not None and _rank(line.get("level")) < _rank(self.level):
            return False
        return self.text is None or self.text.lower() in raw.lower()


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """A line that was found.

    Attributes:
        time: of the line.
        source: instance and number of its file.
        place: in the file, from 0.
        fields: the line as an object; empty for a line of plain text.
        raw: the line as it is.
    """

    time: datetime
    source: tuple[str, int]
    place: int
    fields: dict[str, Any] = field(compare=False)
    raw: str = field(compare=False)


@dataclass(slots=True)
class SearchCount:
    """How much was read to find it."""

    files: int = 0
    blobs: int = 0
    gone: int = 0


class LogSearch:
    """Searches.

    Args:
        max_bytes: of a blob; larger ones are left out.
    """

    def __init__(self, index: LogIndex, blobs: LogBlobs, max_bytes: int = 256_000_000) -> None:
        self._index = index
        self._blobs = blobs
        self._max_bytes = max_bytes

    async def files(self, query: LogQuery, counted: SearchCount | None = None) -> list[LogFacts]:
        """The files that may hold such lines, by their first line.

        Raises:
            StorageError
        """
        counts = counted or SearchCount()
        found = []
        for app in await self._apps(query):
            async for facts in self._index.files(app, query.since, query.until):
                counts.files += 1
                if query.may_hold(facts):
                    found.append(facts)
        return sorted(found, key=lambda facts: (facts.first, facts.instance, facts.number))

    async def lines(self, query: LogQuery, counted: SearchCount | None = None) -> AsyncIterator[LogLine]:
        """The lines, in order of time; those of one instance within a microsecond in the order they were logged.

        Raises:
            StorageError
        """
        counts = counted or SearchCount()
        files = await self.files(query, counts)
        reading = [asyncio.ensure_future(self.lines_of(facts, query, counts)) for facts in files[:_AHEAD]]
        waiting: list[LogLine] = []
        try:
            for place, facts in enumerate(files):
                # All lines before the first of this file are known.
                while waiting and waiting[0].time < facts.first:
                    yield heapq.heappop(waiting)
                for line in await reading.pop(0):
                    heapq.heappush(waiting, line)
                if place + _AHEAD < len(files):
                    reading.append(asyncio.ensure_future(self.lines_of(files[place + _AHEAD], query, counts)))
            while waiting:
                yield heapq.heappop(waiting)
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def last(self, query: LogQuery, number: int) -> list[LogLine]:
        """The latest lines, in order of time: reads the newest files until no older one can have a later line.

        Raises:
            StorageError
        """
        found: list[LogLine] = []
        counts = SearchCount()
        for facts in sorted(await self.files(query), key=lambda facts: facts.last, reverse=True):
            if len(found) >= number and found[-number].time > facts.last:
                break
            found = sorted([*found, *await self.lines_of(facts, query, counts)])
        return found[-number:] if number > 0 else []

    async def _apps(self, query: LogQuery) -> list[str]:
        if query.app is not None:
            return [query.app]
        return sorted({facts.app async for facts in self._index.instances()})

    async def lines_of(self, facts: LogFacts, query: LogQuery, counts: SearchCount) -> list[LogLine]:
        """The lines of one file. Of a blob that is gone, none.

        Raises:
            StorageError
        """
        try:
            data = await self._blobs.read(facts.blob, max_bytes=self._max_bytes)
        except InvalidMessageError:  # deleted since it was indexed, or too large
            counts.gone += 1
            return []
        counts.blobs += 1
        return await asyncio.to_thread(matching, facts, data, query)


def matching(facts: LogFacts, data: bytes, query: LogQuery) -> list[LogLine]:
    """The lines of a blob that fit. A line without a time has that of the line before it."""
    try:
        content = unpack(data)
    except ContentError:
        return []
    source = (facts.instance, facts.number)
    moment = facts.first
    found = []
    for place, raw in enumerate(content.split(b"\n")):
        if not raw:
            continue
        line = parse_line(raw) or {}
        moment = time_of(line) or moment
        text = raw.decode("utf-8", "replace")
        if query.fits(line, moment, text):
            found.append(LogLine(moment.astimezone(UTC), source, place, line, text))
    return found


def _rank(level: object) -> int:
    return _LEVELS.index(level) if isinstance(level, str) and level in _LEVELS else 0
