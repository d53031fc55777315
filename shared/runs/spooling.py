"""Reads the rows of a file into parts: checked, with the body of each job, those that are none with the reason.

May be cut off at any moment and begun again with the same file: rows that are in stored parts are only looked at, to
tell the rejected ones again; the next part begins with the first row that is in none.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from shared.datasets.rows import BadRow, InputRow
from shared.errors import PermanentError
from shared.jobs.kinds import Kind
from shared.jobs.lines import Line
from shared.messages import to_json
from shared.runs.mapping import ColumnMapping
from shared.runs.parts import MAX_PART_CHARS, PartRow, PartStore, part_rows
from shared.runs.rows import Spool
from shared.runs.store import RunStore

_CHUNK = 250
MAX_COLUMNS_CHARS = 20_000
MAX_CELL_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class Spooled:
    """How far it is: the run's spool as stored, and rows that were rejected since the last time."""

    spool: Spool
    rejected: list[PartRow]


class RowCheck:
    """Makes rows of a file into rows of a part."""

    def __init__(self, kind: Kind, line: Line, mapping: ColumnMapping) -> None:
        self._kind = kind
        self._line = line
        self._mapping = mapping

    def check(self, row: InputRow | BadRow, *, count: bool = True) -> PartRow:
        """One row.

        Args:
            count: whether the tokens are wanted; counting them is most of the work.
        """
        if isinstance(row, BadRow):
            return PartRow(row.number, row.line, reason=row.reason)
        for name, value in row.values.items():
            if isinstance(value, str) and len(value) > MAX_CELL_CHARS:
                reason = f"{len(value):,} characters in the column {name}; {MAX_CELL_CHARS:,} are allowed"
                return PartRow(row.number, row.line, _kept(row.values), reason=reason)
        body = self._mapping.body(self._kind.name, row.values)
        try:
            request = self._kind.decode(to_json(body).encode())
            tokens = self._kind.estimate(request) if count else 0
            self._line.check(tokens)
        except PermanentError as error:
            return PartRow(row.number, row.line, _kept(row.values), reason=str(error))
        except UnicodeError:
            return PartRow(row.number, row.line, reason="characters that aren't valid Unicode")
        return PartRow(row.number, row.line, row.values, body, tokens)


class Spooler:
    """Stores the parts of a run.

    Args:
        wake: gives the run a turn, so that what is stored is fed.
    """

    def __init__(
        self, runs: RunStore, files: PartStore, clock: Callable[[], datetime], wake: Callable[[str], Any]
    ) -> None:
        self._runs = runs
        self._files = files
        self._clock = clock
        self._wake = wake

    async def spool(
        self,
        run: str,
        spool: Spool,
        rows: Iterable[InputRow | BadRow],
        check: RowCheck,
        *,
        stepwise: bool = False,
        limit: int | None = None,
        place: Callable[[int, PartRow], Awaitable[PartRow]] | None = None,
    ) -> AsyncIterator[Spooled]:
        """Store what isn't stored yet, and tell how far it is after each part.

        Args:
            spool: as it is stored.
            rows: of the file, from its beginning.
            limit: rows to stop after; the run isn't sealed then.
            place: is given each job with the number of its part, before that is stored, to store what belongs to it.

        Raises:
            DatasetError: the file can't be read on.
            ConflictError: somebody else reads a file into this run.
            StorageError, MessagingError
        """
        done, size = spool.read, part_rows(stepwise)
        iterator = iter(rows)
        while chunk := await asyncio.to_thread(_next_known, iterator, check, done, _CHUNK * 8):
            again, count = chunk
            done -= count
            yield Spooled(spool, again)
        part: list[PartRow] = []
        lines: list[str] = []
        columns = dict.fromkeys(spool.columns)
        read, woken = spool.read, False
        while limit is None or read < limit:
            most = size - len(part) if limit is None else min(size - len(part), limit - read)
            checked = await asyncio.to_thread(_next_rows, iterator, check, min(_CHUNK, most))
            for found in checked:
                row = found if place is None or found.body is None else await place(spool.parts, found)
                part.append(row)
                lines.append(row.encode())
                add_columns(columns, row.values)
            read += len(checked)
            ended = not checked or (limit is not None and read >= limit)
            if part and (ended or len(part) >= size or sum(map(len, lines)) >= MAX_PART_CHARS):
                await self._files.write(run, spool.parts, lines)
                spool = await self._runs.save(run, further(spool, part, tuple(columns), self._clock()))
                if not woken:
                    await self._wake(run)
                    woken = True  # it looks for more by itself
                yield Spooled(spool, [row for row in part if row.body is None])
                part, lines = [], []
            if not checked:
                spool = await self._runs.save(run, replace(spool, sealed=True, updated_at=self._clock()))
                await self._wake(run)
                yield Spooled(spool, [])
                return


def _next_rows(rows: Iterator[InputRow | BadRow], check: RowCheck, most: int) -> list[PartRow]:
    """As many as asked for, or fewer where they are long."""
    found: list[PartRow] = []
    chars = 0
    for row in islice(rows, most):
        found.append(check.check(row))
        chars += sum(len(value) for value in found[-1].values.values() if isinstance(value, str))
        if chars >= MAX_PART_CHARS:
            break
    return found


def _next_known(
    rows: Iterator[InputRow | BadRow], check: RowCheck, most: int, size: int
) -> tuple[list[PartRow], int] | None:
    """Go past rows that are stored. Returns the rejected ones among them, and how many there were; None for none."""
    count, rejected = 0, []
    for row in islice(rows, min(most, size)):
        count += 1
        if (found := check.check(row, count=False)).body is None:
            rejected.append(found)
    return (rejected, count) if count else None


def further(spool: Spool, part: list[PartRow], columns: tuple[str, ...], now: datetime) -> Spool:
    """With one more part that is stored."""
    return replace(
        spool,
        parts=spool.parts + 1,
        read=spool.read + len(part),
        rejected=spool.rejected + sum(row.body is None for row in part),
        charged_tokens=spool.charged_tokens + sum(row.tokens for row in part),
        columns=columns,
        updated_at=now,
    )


def add_columns(columns: dict[str, None], values: Mapping[str, Any]) -> None:
    """Later rows of JSON Lines may have other fields; only so many are kept as columns of their own."""
    for name in values:
        if name not in columns and sum(map(len, columns)) + len(name) < MAX_COLUMNS_CHARS:
            columns[name] = None


def _kept(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is told of a row that is rejected: cells that are too long are cut."""
    return {
        name: f"{value[:1000]}..." if isinstance(value, str) and len(value) > 1000 else value
        for name, value in values.items()
    }
