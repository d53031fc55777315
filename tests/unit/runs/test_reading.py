"""Uploaded files are read in turns: what a part holds follows from where it begins, and from nothing else."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.datasets.rows import BadRow, InputRow
from shared.datasets.text_files import TextFormat, look_at
from shared.errors import ConflictError, InvalidMessageError, StorageError
from shared.runs import reading
from shared.runs.parts import PartRow
from shared.runs.reading import ReaderParts, UploadReader
from shared.runs.rows import Spool, Upload, from_row, to_row
from shared.storage.blob_file import BlobVersion, ChangedBlobError
from shared.storage.blob_references import BlobReference, BlobReferences

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Check:
    """A RowCheck that rejects what has no text."""

    def check(self, row: InputRow | BadRow) -> PartRow:
        if isinstance(row, BadRow) or not row.values.get("text"):
            return PartRow(row.number, row.line, reason="no text")
        return PartRow(row.number, row.line, row.values, {"text": row.values["text"]}, 1)


class World:
    """What is stored, and a reader on it. Time goes on by a second with each look at the clock."""

    def __init__(self, data: bytes, containers: Sequence[str] = ("runs-in",)) -> None:
        self.data = data
        self.error: Exception | None = None
        self.parts: dict[int, list[str]] = {}
        self.saved = 0
        self.time_s = 0.0
        mine: Any = self
        references = BlobReferences("https://ours.blob.core.windows.net", containers, "SLUICE_RUN_CONTAINERS")
        self.reader = UploadReader(
            ReaderParts(mine, mine, mine, references, lambda *_: mine.check, (), lambda: AT, self.monotonic)
        )
        self.check = Check()

    def monotonic(self) -> float:
        self.time_s += 1.0
        return self.time_s

    def open(self, blob: BlobReference, version: BlobVersion) -> Any:
        assert (blob, version) == (BlobReference("runs-in", "a.csv"), BlobVersion("e", len(self.data)))
        if self.error is not None:
            raise self.error
        return io.BytesIO(self.data)

    async def write(self, run: str, part: int, lines: list[str]) -> None:
        assert run == "june"
        assert self.parts.get(part, lines) == lines, "a part is never another"
        self.parts[part] = lines

    async def save(self, run: str, spool: Spool) -> Spool:
        if spool.etag != str(self.saved):
            raise ConflictError
        self.saved += 1
        row = to_row(run, "spool", spool)
        return from_row(Spool, row, str(self.saved))

    def spool(self) -> Spool:
        found = look_at(io.BytesIO(self.data), TextFormat.TABLE)
        at = found.position
        upload = Upload("runs-in", "a.csv", "e", len(self.data), "table", found.form.encoding, ",", at.at, at.line)
        return Spool("feedback", "a.csv", "d", AT, AT, found.form.columns, {"text": "text"}, upload=upload, etag="0")


async def to_the_end(world: World, spool: Spool) -> Spool:
    while spool.reading:
        spool = await world.reader.read("june", spool)
    return spool


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    texts=st.lists(st.sampled_from(["a", "ä\nb", "", '"x"', "long " * 30]), min_size=1, max_size=60),
    size=st.integers(1, 7),
    chars=st.integers(40, 400),
    size_bytes=st.integers(20, 400),
    turn_s=st.sampled_from([0.0, 1.5, 3.0]),
)
def test_parts_are_the_same_whatever_the_length_of_turns(
    monkeypatch: pytest.MonkeyPatch, texts: list[str], size: int, chars: int, size_bytes: int, turn_s: float
) -> None:
    data = "text,n\n" + "".join(f'"{text.replace('"', '""')}",{n}\n' for n, text in enumerate(texts))
    monkeypatch.setattr(reading, "part_rows", lambda _: size)
    monkeypatch.setattr(reading, "MAX_PART_CHARS", chars)
    monkeypatch.setattr(reading, "MAX_PART_BYTES", size_bytes)
    found = []
    for seconds in (turn_s, 1e9):
        monkeypatch.setattr(reading, "READ_S", seconds)
        world = World(data.encode())
        spool = asyncio.run(to_the_end(world, world.spool()))
        assert (spool.sealed, spool.read, spool.rejected) == (True, len(texts), texts.count(""))
        assert spool.parts == len(world.parts)
        found.append(world.parts)
    assert found[0] == found[1]
    assert max(map(len, found[0].values())) <= size


async def test_a_turn_is_over_with_the_part_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "part_rows", lambda _: 10)
    monkeypatch.setattr(reading, "READ_S", 3.0)
    world = World(b"text\n" + b"good\n" * 95)
    spool = world.spool()
    read = []
    while spool.reading:
        spool = await world.reader.read("june", spool)
        read.append(spool.read)
    assert read == [30, 60, 90, 95]


async def test_whoever_is_behind_changes_nothing() -> None:
    world = World(b"text\n" + b"good\n" * 1_200)
    before = world.spool()
    after = await world.reader.read("june", before)
    with pytest.raises(ConflictError):
        await world.reader.read("june", before)
    assert after.read == 1_200
    assert [len(lines) for lines in world.parts.values()] == [500, 500, 200]


async def test_rows_that_are_far_too_long_end_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_PART_BYTES", 1_000)
    world = World(b"text\n" + b'"' + b"x" * 600 + b'" y\n' * 1 + b"good\n" * 300)
    await to_the_end(world, world.spool())
    sizes = [len(lines) for lines in world.parts.values()]
    assert sum(sizes) == 301
    assert sizes[0] == 80, "600 bytes and 79 rows of 5"


async def test_parts_before_the_one_in_which_a_file_breaks_off_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "part_rows", lambda _: 50)
    data = "text\n".encode("utf-16") + ("good\n" * 230).encode("utf-16-le") + b"\x00\xd8a"
    world = World(data)
    spool = await to_the_end(world, world.spool())
    assert (spool.read, spool.sealed, spool.reading) == (200, False, False)
    assert "isn't utf-16" in str(spool.error)
    assert [len(lines) for lines in world.parts.values()] == [50] * 4, "how much of the fifth could be read is chance"


@pytest.mark.parametrize("error", [ChangedBlobError("It isn't what it was."), InvalidMessageError("It isn't there.")])
async def test_a_blob_that_can_not_be_had_ends_the_reading(error: Exception) -> None:
    world = World(b"text\n" + b"good\n" * 30)
    world.error = error
    spool = await world.reader.read("june", world.spool())
    assert (spool.error, spool.read) == (str(error), 0)


async def test_a_container_that_is_no_longer_allowed_ends_the_reading() -> None:
    world = World(b"text\ngood\n", containers=["others"])
    spool = await world.reader.read("june", world.spool())
    assert "in these containers only: others" in str(spool.error)


async def test_storage_that_fails_ends_nothing() -> None:
    world = World(b"text\ngood\n")
    world.error = StorageError("away")
    with pytest.raises(StorageError):
        await world.reader.read("june", world.spool())
    assert world.saved == 0


async def test_after_an_error_reading_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "part_rows", lambda _: 10)
    monkeypatch.setattr(reading, "READ_S", 0.0)
    world = World(b"text\n" + b"".join(b"row %d\n" % n for n in range(25)))
    spool = await world.reader.read("june", world.spool())
    world.error = ChangedBlobError("It isn't what it was.")
    spool = await world.reader.read("june", spool)
    assert spool.upload is not None
    world.error = None
    spool = await to_the_end(world, replace(spool, upload=replace(spool.upload, error=None)))
    assert (spool.sealed, spool.read, [len(lines) for lines in world.parts.values()]) == (True, 25, [10, 10, 5])
