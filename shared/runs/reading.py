"""Reads files that were uploaded into runs: some seconds a turn, on from where the turn before ended.

What a part holds follows from where it begins, and from nothing else. So a turn that was cut off, or two at once, write
the same rows into the same parts; and with each part is stored where the next one begins.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO

from shared.datasets.rows import PlacedRows, Position
from shared.datasets.text_files import TextForm, TextFormat, read_on
from shared.errors import PermanentError
from shared.runs.mapping import ColumnMapping
from shared.runs.parts import MAX_PART_CHARS, PartRow, PartStore, part_rows
from shared.runs.rows import Spool, Upload
from shared.runs.spooling import RowCheck, add_columns, further
from shared.runs.store import RunStore
from shared.storage.blob_file import BlobFiles, BlobVersion
from shared.storage.blob_references import BlobReferences
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)

READ_S = 10.0
"""A turn ends with the part that exceeds this: others wait for the conductor, too."""
MAX_PART_BYTES = 32_000_000
"""Of the file: rows that are far too long are rejected, and would otherwise count for nothing."""
_BYTE = (1 << 64) - 1
"""Of what io.TextIOWrapper.tell() says, the place in the file; the state of the decoder is above."""


@dataclass(frozen=True, slots=True)
class ReaderParts:
    """What the reader works with.

    Attributes:
        references: which blobs may be read; settings may have changed since a run was started.
        check_of: for rows of a kind of job.
        stepwise: kinds of several calls.
        monotonic: seconds.
    """

    runs: RunStore
    files: PartStore
    blobs: BlobFiles
    references: BlobReferences
    check_of: Callable[[str, ColumnMapping], RowCheck]
    stepwise: Collection[str]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic


class UploadReader:
    """Reads on."""

    def __init__(self, parts: ReaderParts) -> None:
        self._parts = parts

    async def read(self, run: str, spool: Spool) -> Spool:
        """Store the next parts of a run: one at least, and until some seconds are over or the file is.

        Args:
            spool: as it is stored, of a run that is `reading`.

        Returns:
            The same, further on. Where the file can't be read on, its upload says why.

        Raises:
            StorageError, ConflictError: begin again.
        """
        if (upload := spool.upload) is None:
            return spool
        until_s = self._parts.monotonic() + READ_S
        try:
            blob = self._parts.references.find(f"{upload.container}/{upload.blob}")
            file = self._parts.blobs.open(blob, BlobVersion(upload.etag, upload.size))
            rows = await asyncio.to_thread(_read_on, file, spool, upload)
            check = self._parts.check_of(spool.kind, ColumnMapping(spool.mapping, spool.constants))
            most = part_rows(spool.kind in self._parts.stepwise)
            while spool.reading:
                part = await asyncio.to_thread(_next_part, rows, check, most)
                spool = await self._store(run, spool, part)
                if self._parts.monotonic() >= until_s:
                    break
        except PermanentError as error:
            log_event(logger, "run_file_failed", level=logging.WARNING, run=run, reason=error.code)
            upload = spool.upload or upload
            return await self._store(run, spool, _Part(Position(upload.at, upload.line), error=str(error)))
        return spool

    async def _store(self, run: str, spool: Spool, part: "_Part") -> Spool:
        """The rows before the run says that they are there."""
        now = self._parts.clock()
        if part.rows:
            await self._parts.files.write(run, spool.parts, part.lines)
            columns = dict.fromkeys(spool.columns)
            for row in part.rows:
                add_columns(columns, row.values)
            spool = further(spool, part.rows, tuple(columns), now)
        if spool.upload is not None:
            at = part.position
            upload = replace(spool.upload, at=at.at, line=at.line, error=part.error)
            spool = replace(spool, upload=upload, sealed=part.ended, updated_at=now)
        return await self._parts.runs.save(run, spool)


@dataclass(slots=True)
class _Part:
    """Rows, and where the next one begins.

    Attributes:
        ended: whether there is none.
        error: why no more can be read.
    """

    position: Position
    rows: list[PartRow] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    ended: bool = False
    error: str | None = None


def _read_on(file: BinaryIO, spool: Spool, upload: Upload) -> PlacedRows:
    form = TextForm(TextFormat(upload.format), tuple(spool.columns), upload.encoding, upload.delimiter)
    return read_on(file, form, Position(upload.at, upload.line), spool.read)


def _next_part(rows: PlacedRows, check: RowCheck, most: int) -> _Part:
    part = _Part(rows.position())
    begin, chars = part.position.at & _BYTE, 0
    for row in rows.rows:
        found = check.check(row)
        part.rows.append(found)
        part.lines.append(found.encode())
        part.position = rows.position()
        chars += len(part.lines[-1])
        full = len(part.rows) >= most or chars >= MAX_PART_CHARS
        if full or (part.position.at & _BYTE) - begin >= MAX_PART_BYTES:
            return part
    part.ended = True
    return part
