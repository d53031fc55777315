"""The log monitor against a real Azurite, through a proxy that fails."""

import asyncio
import gzip
import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ConfigurationError, StorageError
from shared.logs.log_monitor import LogMonitorService
from shared.storage.blob_uploader import AsyncBlobStorageUploader
from shared.telemetry.formats import StructuredFormatter
from shared.telemetry.log_names import LogName
from shared.telemetry.rotation import RotatingLogHandler
from tests.integration.logs.conftest import Store
from tests.support.faulty_storage import Fault

QUICK: dict[str, Any] = {"retry_delay": 0.001, "first_delay_s": 0.001, "max_delay_s": 0.01}


def monitor(store: Store, folder: Path, *, uploads: dict[str, Any] | None = None, **options: Any) -> LogMonitorService:
    uploader = AsyncBlobStorageUploader.to(store.connection, store.name, **{**QUICK, **(uploads or {})})
    return LogMonitorService(folder, app_name="shop", scan_interval=0.02, uploader=uploader, **options)


def write(folder: Path, number: int, content: str = '{"a":1}\n', *, instance: str = "vm.1.1", suffix: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{LogName('shop', instance, '20261122', number)}{suffix}"
    path.write_text(content)
    os.utime(path, (number, number))
    return path


def blob(number: int, instance: str = "vm.1.1") -> str:
    return f"shop/20261122/{LogName('shop', instance, '20261122', number)}.gz"


async def until(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.01)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.event for record in caplog.records if hasattr(record, "event")]


async def test_rotated_files_are_shipped_oldest_first_and_deleted(store: Store, tmp_path: Path) -> None:
    for number in (3, 1, 2):
        write(tmp_path, number, f'{{"n":{number}}}\n')
    (tmp_path / "other.txt").write_text("not a log")
    service = monitor(store, tmp_path)
    await service.initialize()
    await until(lambda: not list(tmp_path.glob("*.jsonl")))
    write(tmp_path, 4)
    await until(lambda: not list(tmp_path.glob("*.jsonl")))
    assert await service.shutdown() == []
    puts = [path.rpartition("/")[2] for path in store.faulty.uploads if "jsonl" in path]
    order = [int(path.split("-")[3][:6]) for path in puts]
    assert order == [1, 1, 2, 3, 4], "the first one twice: there was no container"
    assert await store.names() == [blob(number) for number in (1, 2, 3, 4)]
    assert gzip.decompress(await store.content(blob(3))) == b'{"n":3}\n'
    assert (tmp_path / "other.txt").exists()


async def test_files_of_the_standard_librarys_handler(store: Store, tmp_path: Path) -> None:
    rotated = tmp_path / "app.log.2026-11-21"
    rotated.write_text("plain\n")
    os.utime(rotated, (86_400, 86_400))
    (tmp_path / "app.log").write_text("still written to\n")
    assert await monitor(store, tmp_path).ship_all(10) == []
    assert await store.names() == ["shop/19700102/app.log.2026-11-21.gz"]
    assert [path.name for path in tmp_path.glob("app.log*")] == ["app.log"]


async def test_a_file_in_use_is_skipped_until_its_writer_is_dead(store: Store, tmp_path: Path) -> None:
    handler = RotatingLogHandler(tmp_path, StructuredFormatter(), app="shop", machine="vm", rotation_s=None)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    logger.info("one")
    service = monitor(store, tmp_path)
    await service.scan()
    assert len(list(tmp_path.glob("*.active"))) == 1
    write(tmp_path, 7, '{"a":1}\n{"b":', instance="dead.1.1", suffix=".active")
    assert await service.ship_all(10) == []
    assert await store.names() == [blob(7, "dead.1.1")]
    properties = await store.client.get_blob_client(blob(7, "dead.1.1")).get_blob_properties()
    assert (properties.metadata["torn"], properties.metadata["lines"]) == ("1", "2")
    handler.close()


async def test_sixteen_failures_keep_the_file_and_the_next_scan_sends_it(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, 1)
    failures = iter([Fault.ERROR] * 16)
    store.faulty.plan = lambda _: next(failures, None)
    service = monitor(store, tmp_path)
    await service.initialize()
    await until(lambda: "log_not_shipped" in events(caplog))
    assert store.faulty.counts[Fault.ERROR] == 16
    await until(lambda: not path.exists())
    await service.shutdown()
    assert await store.names() == [blob(1)]


async def test_nothing_is_deleted_before_storage_confirms_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unconfirmed(*_: object) -> None:
        raise StorageError("what is stored isn't what was sent")

    monkeypatch.setattr("shared.storage.blob_attempt._verified", unconfirmed)
    path = write(tmp_path, 1)
    service = monitor(store, tmp_path, uploads={"max_retries": 2})
    assert await service.ship_all(5) == [path]
    assert path.exists()


async def test_one_unreadable_file_stops_no_other_and_is_told_once(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = tmp_path / str(LogName("shop", "vm.1.1", "20261122", 1))
    loop.symlink_to(loop)
    write(tmp_path, 2)
    service = monitor(store, tmp_path)
    await service.initialize()
    await until(lambda: not list(tmp_path.glob("*2.jsonl")))
    for _ in range(3):
        await service.scan()
        await asyncio.sleep(0.02)
    assert events(caplog).count("log_not_shipped") == 1
    loop.unlink()
    write(tmp_path, 1)
    await until(lambda: not list(tmp_path.glob("*.jsonl")))
    assert await service.shutdown() == []
    assert await store.names() == [blob(1), blob(2)]


async def test_a_removed_folder_is_waited_for(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    write(folder, 1)
    service = monitor(store, folder)
    await service.initialize()
    await until(lambda: not list(folder.glob("*.jsonl")))
    shutil.rmtree(folder)
    assert (await service.scan()).found == 0
    write(folder, 2)
    await until(lambda: not list(folder.glob("*.jsonl")))
    assert await service.shutdown() == []
    assert await store.names() == [blob(1), blob(2)]


async def test_a_file_removed_before_its_turn_is_no_error(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, 1)
    path = write(tmp_path, 2)

    def remove(_: object) -> None:
        path.unlink(missing_ok=True)

    store.faulty.plan = remove
    assert await monitor(store, tmp_path).ship_all(10) == []
    assert await store.names() == [blob(1)]
    assert "log_not_shipped" not in events(caplog)


async def test_what_is_done_is_remembered_over_restarts(store: Store, tmp_path: Path) -> None:
    write(tmp_path, 1)
    keep = 365 * 100.0  # the files here are of 1970
    assert await monitor(store, tmp_path, retention_days=keep).ship_all(10) == []
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
    before = len(store.faulty.uploads)
    assert await monitor(store, tmp_path, retention_days=keep).ship_all(10) == []
    assert len(store.faulty.uploads) == before
    assert await monitor(store, tmp_path, retention_days=1).ship_all(10) == []
    assert list(tmp_path.glob("*.jsonl")) == [], "kept long enough"
    assert len(store.faulty.uploads) == before


async def test_a_lost_checkpoint_sends_nothing_twice(store: Store, tmp_path: Path) -> None:
    write(tmp_path, 1)
    assert await monitor(store, tmp_path, retention_days=365 * 100.0).ship_all(10) == []
    (tmp_path / ".shipped").unlink()
    assert await monitor(store, tmp_path).ship_all(10) == []
    assert await store.names() == [blob(1)]
    assert list(tmp_path.glob("*.jsonl")) == []


async def test_another_content_of_the_same_name_is_kept_beside_it(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, 1, "one\n")
    await monitor(store, tmp_path).ship_all(10)
    write(tmp_path, 1, "two\n")
    await monitor(store, tmp_path).ship_all(10)
    first, second = sorted(await store.names())
    assert {await store.content(first), await store.content(second)} != {b""}
    assert "~" in second + first
    assert events(caplog) == ["log_conflict"]


async def test_several_monitors_share_a_folder(store: Store, tmp_path: Path) -> None:
    for number in range(1, 41):
        write(tmp_path, number)
    services = [monitor(store, tmp_path) for _ in range(3)]
    assert await asyncio.gather(*(service.ship_all(30) for service in services)) == [[], [], []]
    assert len(await store.names()) == 40


async def test_shutdown_rotates_ships_and_says_what_is_left(store: Store, tmp_path: Path) -> None:
    handler = RotatingLogHandler(tmp_path, StructuredFormatter(), app="shop", machine="vm", rotation_s=None)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    service = monitor(store, tmp_path, writer=handler)
    await service.initialize()
    logger.info("the last words")
    assert await service.shutdown() == []
    (name,) = await store.names()
    assert json.loads(gzip.decompress(await store.content(name)))["message"] == "the last words"

    store.faulty.plan = lambda _: Fault.ERROR
    logger.info("in vain")
    service = monitor(store, tmp_path, uploads={"max_retries": 10_000, "retry_delay": 5}, writer=handler)
    began_s = time.monotonic()
    (left,) = await service.shutdown(timeout_s=0.5)
    assert time.monotonic() - began_s < 5
    assert json.loads(left.read_text())["message"] == "in vain"
    handler.close()


async def test_files_that_were_begun_are_announced_once(store: Store, tmp_path: Path) -> None:
    class Announcer:
        def __init__(self) -> None:
            self.heard: list[tuple[str, int]] = []
            self.fails = 1
            self.closed = False

        async def begun(self, instance: str, number: int) -> None:
            if self.fails:
                self.fails -= 1
                raise StorageError("not now")
            self.heard.append((instance, number))

        async def close(self) -> None:
            self.closed = True

    handler = RotatingLogHandler(tmp_path, StructuredFormatter(), app="shop", machine="vm", rotation_s=None)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    announcer = Announcer()
    service = monitor(store, tmp_path, writer=handler, announcer=announcer)
    await service.scan()
    logger.info("a")
    for _ in range(3):
        await service.scan()
    handler.rotate()
    await service.scan()
    logger.info("b")
    await service.scan()
    assert announcer.heard == [(handler.instance, 1), (handler.instance, 2)]
    await service.ship_all(10)
    assert announcer.closed
    handler.close()


async def test_the_cap_drops_the_oldest_after_a_warning(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.faulty.plan = lambda _: Fault.ERROR
    for number in range(1, 6):
        write(tmp_path, number, "x" * 1000)
    service = monitor(store, tmp_path, uploads={"max_retries": 1}, max_disk_bytes=3_500)
    await service.scan()
    assert "log_disk_nearly_full" in events(caplog)
    assert len(list(tmp_path.glob("*.jsonl"))) == 5, "no drop without a warning before"
    await service.scan()
    left = sorted(int(path.stem[-6:]) for path in tmp_path.glob("*.jsonl"))
    assert left == [3, 4, 5]
    dropped = [record.fields["file"] for record in caplog.records if getattr(record, "event", "") == "log_file_dropped"]
    assert [name[-12:-6] for name in dropped] == ["000001", "000002"]
    store.faulty.plan = lambda _: None
    assert await service.ship_all(10) == []
    assert await store.names() == [blob(number) for number in (3, 4, 5)]


async def test_kept_files_go_before_those_that_wait(store: Store, tmp_path: Path) -> None:
    keep = 365 * 100.0
    write(tmp_path, 9, "x" * 1000)
    assert await monitor(store, tmp_path, retention_days=keep).ship_all(10) == []
    store.faulty.plan = lambda _: Fault.ERROR
    write(tmp_path, 1, "x" * 1000)
    service = monitor(store, tmp_path, uploads={"max_retries": 1}, retention_days=keep, max_disk_bytes=1_500)
    for _ in range(2):
        await service.scan()
    assert [path.stem[-6:] for path in tmp_path.glob("*.jsonl")] == ["000001"], "the newer one: it isn't lost"
    await service.shutdown(0.5)


async def test_a_monitor_needs_an_account(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="account"):
        LogMonitorService(tmp_path)
    LogMonitorService(tmp_path, "mystorageaccount", container_name="logs", app_name="my-application")
    LogMonitorService(tmp_path, account_url="https://mystorageaccount.blob.core.windows.net")
