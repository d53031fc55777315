"""The uploader against a real Azurite, through a proxy that fails."""

import asyncio
import gzip
import hashlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from shared.errors import StorageError, UnreadableFileError
from shared.storage import blob_attempt
from shared.storage.blob_uploader import AsyncBlobStorageUploader
from tests.integration.logs.conftest import Store
from tests.support.faulty_storage import Fault

QUICK = {"retry_delay": 0.001, "first_delay_s": 0.001, "max_delay_s": 0.02}


@asynccontextmanager
async def uploader(store: Store, **options: Any) -> AsyncIterator[AsyncBlobStorageUploader]:
    async with AsyncBlobStorageUploader.to(store.connection, store.name, **{**QUICK, **options}) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 1000)
    return path


async def test_a_file_arrives_compressed_with_its_facts(store: Store, file: Path) -> None:
    async with uploader(store) as up:
        stored = await (await up.upload_file(file, "20261122/a.jsonl.gz", "shop"))
    assert stored.name == "shop/20261122/a.jsonl.gz"
    data = await store.content(stored.name)
    assert gzip.decompress(data) == file.read_bytes()
    properties = await store.client.get_blob_client(stored.name).get_blob_properties()
    assert properties.metadata == {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "size": "9000",
        "lines": "1000",
    }
    assert bytes(properties.content_settings.content_md5 or b"") == hashlib.md5(data, usedforsecurity=False).digest()
    assert (stored.size, stored.stored, stored.known) == (9000, len(data), False)


async def test_names_and_plain_content(store: Store, file: Path) -> None:
    async with uploader(store) as up:
        assert (await (await up.upload_file(str(file)))).name == "a.jsonl"
    assert await store.content("a.jsonl") == file.read_bytes()


@pytest.mark.parametrize("size", [0, 5_000_000, 9_000_000])
async def test_large_files_go_in_blocks_and_empty_ones_go_too(store: Store, tmp_path: Path, size: int) -> None:
    path = tmp_path / "large.log"
    path.write_bytes(os.urandom(size))
    await store.client.create_container()
    async with uploader(store) as up:
        stored = await (await up.upload_file(path))
        again = await (await up.upload_file(path))
    assert await store.content("large.log") == path.read_bytes()
    assert (stored.known, again.known) == (False, True)
    assert sum("comp=block&" in path for path in store.faulty.uploads) == 2 * (size // 4_194_304 + (size > 0))
    properties = await store.client.get_blob_client("large.log").get_blob_properties()
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).digest()
    assert bytes(properties.content_settings.content_md5 or b"") == md5


async def test_the_same_content_again_is_done_another_one_gets_another_name(
    store: Store, file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "b.jsonl"
    other.write_bytes(b"something else\n")
    async with uploader(store) as up:
        first = await (await up.upload_file(file, "a.jsonl.gz"))
        again = await (await up.upload_file(file, "a.jsonl.gz"))
        second = await (await up.upload_file(other, "a.jsonl.gz"))
        third = await (await up.upload_file(other, "a.jsonl.gz"))
    assert (first.name, again.name, first.known, again.known) == ("a.jsonl.gz", "a.jsonl.gz", False, True)
    mark = hashlib.sha256(other.read_bytes()).hexdigest()[:8]
    assert second.name == third.name == f"a~{mark}.jsonl.gz"
    assert gzip.decompress(await store.content("a.jsonl.gz")) == file.read_bytes()
    assert gzip.decompress(await store.content(second.name)) == other.read_bytes()
    assert len(await store.names()) == 2


async def test_somebody_elses_blob_is_never_overwritten(store: Store, file: Path) -> None:
    await store.client.create_container()
    await store.client.upload_blob("a.jsonl", b"not ours")
    async with uploader(store) as up:
        stored = await (await up.upload_file(file))
    assert stored.name.startswith("a~")
    assert await store.content("a.jsonl") == b"not ours"


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.ERROR, Fault.BROKEN_BEFORE, Fault.BROKEN_AFTER])
async def test_every_request_may_fail(store: Store, file: Path, fault: Fault) -> None:
    """Each request of the upload fails once, so that each step is done again."""
    seen: set[tuple[str, str]] = set()

    def once(request: web.Request) -> Fault | None:
        key = (request.method, request.path_qs)
        if key in seen:
            return None
        seen.add(key)
        return fault

    store.faulty.plan = once
    async with uploader(store) as up:
        stored = await (await up.upload_file(file, "a.jsonl.gz"))
    assert stored.name == "a.jsonl.gz"
    assert await store.names() == ["a.jsonl.gz"]
    assert gzip.decompress(await store.content("a.jsonl.gz")) == file.read_bytes()
    assert store.faulty.counts[fault] >= 2


async def test_it_gives_up_after_so_many_attempts_and_the_worker_goes_on(
    store: Store, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.faulty.plan = lambda request: Fault.ERROR if "bad" in request.path else None
    async with uploader(store, max_retries=16) as up:
        bad = await up.upload_file(file, "bad.jsonl.gz")
        good = await up.upload_file(file, "good.jsonl.gz")
        with pytest.raises(StorageError, match="500"):
            await bad
        await good
    assert store.faulty.counts[Fault.ERROR] == 16
    events = [record.event for record in caplog.records if hasattr(record, "event")]
    assert events == ["upload_failing", "upload_failed"]


async def test_an_attempt_that_hangs_is_cut_off(store: Store, file: Path) -> None:
    hung = iter([Fault.SLOW])
    store.faulty.plan = lambda _: next(hung, None)
    async with uploader(store, attempt_timeout_s=0.3) as up:
        await (await up.upload_file(file))
    assert await store.names() == ["a.jsonl"]


async def test_what_cannot_be_read_is_not_tried_again(store: Store, tmp_path: Path, file: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    async with uploader(store) as up:
        for path in (tmp_path / "gone", loop):
            with pytest.raises(UnreadableFileError):
                await (await up.upload_file(path))
        await (await up.upload_file(file))
    assert store.faulty.uploads.count(f"/devstoreaccount1/{store.name}/gone") == 0


async def test_whatever_goes_wrong_the_worker_lives(store: Store, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def explode(*_: object) -> None:
        raise RuntimeError("a defect")

    async with uploader(store, max_retries=2) as up:
        with monkeypatch.context() as patched:
            patched.setattr("shared.storage.blob_uploader.upload_once", explode)
            with pytest.raises(RuntimeError):
                await (await up.upload_file(file))
        await (await up.upload_file(file))


async def test_what_is_stored_is_checked(store: Store, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = blob_attempt._properties
    wrong = iter([True])

    async def properties(blob: Any) -> Any:
        found = await checks(blob)
        if next(wrong, False):
            found.size -= 1
        return found

    monkeypatch.setattr(blob_attempt, "_properties", properties)
    async with uploader(store) as up:
        stored = await (await up.upload_file(file, "a.jsonl.gz"))
    assert stored.known, "the first attempt didn't believe it"


async def test_a_full_queue_makes_callers_wait(store: Store, file: Path) -> None:
    gate = asyncio.Event()
    async with uploader(store, queue_size=2) as up:
        store.faulty.plan = lambda _: None if gate.is_set() else Fault.ERROR
        for number in range(3):  # one is taken at once
            await up.upload_file(file, f"{number}")
            await asyncio.sleep(0)
        assert up.full
        waiting = asyncio.create_task(up.upload_file(file, "late"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        gate.set()
        await (await waiting)
    assert sorted(await store.names()) == ["0", "1", "2", "late"]


async def test_shutdown_waits_and_says_what_is_not_done(
    store: Store, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    up = AsyncBlobStorageUploader.to(store.connection, store.name, max_retries=1000, retry_delay=30, first_delay_s=30)
    await up.initialize()
    done = await up.upload_file(file, "done")
    await asyncio.sleep(0)
    store.faulty.plan = lambda request: Fault.ERROR if "stuck" in request.path else None
    await done
    stuck = await up.upload_file(file, "stuck")
    assert await up.shutdown(timeout_s=0.5) == [file]
    with pytest.raises(StorageError, match="before the shutdown"):
        await stuck
    assert store.faulty.counts[Fault.ERROR] >= 2, "it didn't sit out its 30 s"
    with pytest.raises(StorageError, match="isn't running"):
        await up.upload_file(file)
    (told,) = [record for record in caplog.records if getattr(record, "event", "") == "uploads_not_done"]
    assert told.levelno == logging.WARNING
    assert await store.names() == ["done"]


async def test_two_uploaders_of_one_file_leave_one_blob(store: Store, file: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(9_000_000))
    async with uploader(store) as one, uploader(store) as two:
        for path in (file, large):
            results = await asyncio.gather(*[await up.upload_file(path) for up in (one, two)])
            assert {result.name for result in results} == {path.name}
    assert sorted(await store.names()) == ["a.jsonl", "large"]
    assert await store.content("large") == large.read_bytes()
