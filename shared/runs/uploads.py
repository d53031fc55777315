"""Files that were uploaded, to be made runs: looked at, and begun."""

import asyncio
import codecs
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, BinaryIO

from shared.datasets.rows import DatasetError, InputRow
from shared.datasets.text_files import ENDS, Beginning, TextFormat, look_at
from shared.errors import ConflictError, InvalidMessageError
from shared.messages import to_json
from shared.runs.control import RunControl
from shared.runs.mapping import ColumnMapping, map_columns
from shared.runs.rows import Spool, Upload
from shared.runs.spooling import MAX_COLUMNS_CHARS, RowCheck
from shared.runs.store import Run
from shared.storage.blob_file import BlobFiles, BlobVersion
from shared.storage.blob_references import BlobReference, BlobReferences

_OTHER_FORMATS = (".xlsx", ".xlsm", ".parquet")
_MOST_TOLD_CHARS = 8_000
"""Mapping and fields are kept in one row with the names of the columns, which has room for 32K characters."""
# Python has codecs that aren't encodings of text files, and some that take time beyond measure.
ENCODINGS = frozenset(
    codecs.lookup(name).name
    for name in (
        *("ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
        *(f"cp125{n}" for n in range(9)),
        *(f"iso8859-{n}" for n in range(1, 17) if n != 12),
        *("cp437", "cp850", "cp852", "cp858", "cp866", "cp874", "koi8-r", "koi8-u", "mac-roman", "tis-620"),
        *("gbk", "gb18030", "big5", "shift_jis", "cp932", "euc-jp", "euc-kr", "cp949", "cp950"),
    )
)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file, and how it is to be read.

    Attributes:
        blob: see BlobReferences.
        told: field -> column.
        constants: fields that are the same for every row.
    """

    kind: str
    blob: str
    told: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None
    app_id: str | None = None
    priority: str = "normal"


@dataclass(frozen=True, slots=True)
class Uploads:
    """Begins runs of uploaded files.

    Attributes:
        check_of: for rows of a kind of job.
    """

    blobs: BlobFiles
    references: BlobReferences
    control: RunControl
    check_of: Callable[[str, ColumnMapping], RowCheck]
    clock: Callable[[], datetime]

    async def look(self, wanted: UploadedFile) -> Spool:
        """Look at a file's beginning. Nothing is stored.

        Returns:
            What begins its run. The digest is of the contents where whoever uploaded them left their MD5; else it is
            that of this version of the blob.

        Raises:
            InvalidMessageError: the blob may not be read, isn't there, or is of a format or encoding that isn't read.
            DatasetError: it can't be read, has no such columns, or none of its first rows can be a job.
            StorageError
        """
        blob = self.references.find(wanted.blob, "blob")
        format_, delimiter = _format(blob.name)
        encoding = _encoding(wanted.encoding)
        if len(to_json([dict(wanted.told), dict(wanted.constants)])) > _MOST_TOLD_CHARS:
            raise InvalidMessageError(f"Mapping and fields may have {_MOST_TOLD_CHARS:,} characters.", field="fields")
        version = await self.blobs.look(blob)
        if not version.size:
            raise DatasetError("The file is empty.", field="blob")
        file = self.blobs.open(blob, version)
        beginning, mapping = await asyncio.to_thread(
            self._look, file, wanted, format_, wanted.delimiter or delimiter, encoding
        )
        now, form = self.clock(), beginning.form
        return Spool(
            kind=wanted.kind,
            source=f"{blob.container}/{blob.name}",
            digest=_digest(blob, version, wanted, mapping),
            created_at=now,
            updated_at=now,
            columns=form.columns,
            mapping=mapping.columns,
            constants=mapping.constants,
            app_id=wanted.app_id,
            priority=wanted.priority,
            upload=Upload(
                container=blob.container,
                blob=blob.name,
                etag=version.etag,
                size=version.size,
                format=str(form.format),
                encoding=form.encoding,
                delimiter=form.delimiter,
                at=beginning.position.at,
                line=beginning.position.line,
            ),
        )

    def _look(
        self, file: BinaryIO, wanted: UploadedFile, format_: TextFormat, delimiter: str | None, encoding: str | None
    ) -> tuple[Beginning, ColumnMapping]:
        found = look_at(file, format_, delimiter=delimiter, encoding=encoding)
        if sum(map(len, found.form.columns)) > MAX_COLUMNS_CHARS:
            raise DatasetError(f"The names of the columns have more than {MAX_COLUMNS_CHARS:,} characters.")
        examples = [row.values for row in found.first if isinstance(row, InputRow)]
        mapping, _ = map_columns(wanted.kind, found.form.columns, wanted.told, wanted.constants, examples)
        if len(to_json(mapping.columns)) > _MOST_TOLD_CHARS:
            raise DatasetError("The names of the columns are too long.")
        check = self.check_of(wanted.kind, mapping)
        checked = [check.check(row, count=False) for row in found.first]
        if all(row.body is None for row in checked):
            raise DatasetError(
                f"None of the first {len(checked)} rows can be a job. Line {checked[0].line}: {checked[0].reason}"
            )
        return found, mapping

    async def begin(self, name: str, spool: Spool) -> Run:
        """Begin a run, or find that it was begun with the same file. One that couldn't read on does so.

        Raises:
            RunNameError, OtherFileError, RunEndedError: see RunControl.begin.
            StorageError, MessagingError: do it again; nothing is done twice.
        """
        try:
            stored = await self.control.begin(name, spool)
        except ConflictError:  # somebody else begins it in this moment
            stored = await self.control.begin(name, spool)
        if stored.error is not None and stored.upload is not None and spool.upload is not None:
            upload = replace(stored.upload, etag=spool.upload.etag, error=None)
            await self.control.runs.save(name, replace(stored, upload=upload, updated_at=self.clock()))
        await self.control.wake(name)
        return await self.control.runs.get(name)


def _format(name: str) -> tuple[TextFormat, str | None]:
    end = f".{name.rpartition('/')[2].rpartition('.')[2].lower()}"
    if end in _OTHER_FORMATS:
        raise InvalidMessageError(
            f"The app doesn't read {end} files. Upload it as CSV or JSON Lines, or start it with `sluice run start`, "
            "which does.",
            field="blob",
        )
    if end not in ENDS:
        raise InvalidMessageError(f"The blob's name ends in none of {', '.join(ENDS)}.", field="blob")
    return ENDS[end]


def _encoding(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        found = codecs.lookup(given).name
    except (LookupError, ValueError):
        found = ""
    if found not in ENCODINGS:
        raise InvalidMessageError("Files of this encoding aren't read. Try utf-8, cp1252 or utf-16.", field="encoding")
    return found


def _digest(blob: BlobReference, version: BlobVersion, wanted: UploadedFile, mapping: ColumnMapping) -> str:
    contents = [version.md5, version.size] if version.md5 else [blob.container, blob.name, version.etag]
    how = [wanted.kind, mapping.columns, mapping.constants, wanted.delimiter, wanted.encoding, wanted.app_id]
    return hashlib.sha256(to_json([contents, how]).encode("utf-8", "surrogatepass")).hexdigest()
