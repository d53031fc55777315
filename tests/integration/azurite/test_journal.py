"""The journal that makes Azurite durable: what it holds, when it is dropped, what is done with a damaged one."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableClient
from azure.storage.blob import BlobClient, ContainerClient

from local.process import StartError
from tests.support.azurite import Azurite, azurite

TABLE_DATABASE = "__azurite_db_table__.json"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Azurite]:
    with azurite(tmp_path / "data") as running:
        yield running


@pytest.fixture
def table(server: Azurite) -> Iterator[TableClient]:
    with TableClient.from_connection_string(server.connection_string, "items", retry_total=0) as client:
        client.create_table()
        yield client


def entity(row: str, **properties: object) -> dict[str, object]:
    return {"PartitionKey": "p", "RowKey": row, **properties}


def rows(table: TableClient) -> list[str]:
    return sorted(found["RowKey"] for found in table.list_entities())


def table_journal(server: Azurite) -> list[Path]:
    return sorted(server.data.glob(f"{TABLE_DATABASE}.journal-*"))


def test_each_request_is_one_line_so_that_it_is_applied_whole_or_not_at_all(
    server: Azurite, table: TableClient
) -> None:
    def lines() -> int:
        return sum(path.read_text().count("\n") for path in table_journal(server))

    before = lines()
    table.create_entity(entity("a"))
    table.update_entity(entity("a", n=1), mode="replace")  # Azurite removes and inserts
    table.submit_transaction([("create", entity(f"t{i}")) for i in range(10)])
    assert lines() - before == 3


def test_a_clean_stop_saves_everything_and_drops_the_journal(server: Azurite, table: TableClient) -> None:
    table.create_entity(entity("a"))
    assert table_journal(server)
    assert server.stop() == 0
    assert table_journal(server) == []
    server.start()
    assert rows(table) == ["a"]


def test_a_line_cut_off_by_the_end_of_the_process_counts_as_never_written(server: Azurite, table: TableClient) -> None:
    table.create_entity(entity("whole"))
    table.create_entity(entity("cut", text="x" * 100))
    server.kill()
    (journal,) = table_journal(server)
    journal.write_bytes(journal.read_bytes()[:-40])
    server.start()
    assert rows(table) == ["whole"]
    table.create_entity(entity("cut"))
    server.restart()
    assert rows(table) == ["cut", "whole"]


def test_a_journal_damaged_elsewhere_stops_the_start(server: Azurite, table: TableClient) -> None:
    table.create_entity(entity("a"))
    table.create_entity(entity("b"))
    server.kill()
    (journal,) = table_journal(server)
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[-2] = b'[["put"\n'
    journal.write_bytes(b"".join(lines))
    with pytest.raises(StartError, match=rf"journal-\d+, line {len(lines) - 1} is damaged.*Delete the folder"):
        server.start()


def test_a_journal_that_the_snapshot_covers_is_not_applied_again(server: Azurite, table: TableClient) -> None:
    table.create_entity(entity("deleted later"))
    (old,) = table_journal(server)
    copy = shutil.copy(old, server.data / "copy")
    table.delete_entity("p", "deleted later")
    server.stop()
    # As if the process had ended after the snapshot was in place and before the old journal was deleted.
    shutil.move(copy, old)
    server.start()
    assert rows(table) == []
    assert not old.exists()


def test_a_deleted_table_stays_deleted_and_a_new_one_of_its_name_is_empty(server: Azurite, table: TableClient) -> None:
    table.create_entity(entity("old"))
    table.delete_table()
    server.restart()
    table.create_table()
    table.create_entity(entity("new"))
    server.restart()
    assert rows(table) == ["new"]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_properties_named_as_those_of_the_database_library_survive(
    server: Azurite, table: TableClient, end: str
) -> None:
    names = {
        "ttl": 60,
        "constraints": "c",
        "autosaveHandle": True,
        "lokiConsoleWrapper": "w",
        "throttledCallbacks": "t",
    }
    table.create_entity(entity("a", **names))
    getattr(server, end)()
    server.start()
    assert dict(table.get_entity("p", "a")) == entity("a", **names)


def test_leases_and_etags_survive(server: Azurite, table: TableClient) -> None:
    etag = table.create_entity(entity("a"))["etag"]
    blob = BlobClient.from_connection_string(server.connection_string, "box", "leased", retry_total=0)
    ContainerClient.from_connection_string(server.connection_string, "box").create_container()
    blob.upload_blob(b"content")
    lease = blob.acquire_lease(60)
    server.restart()
    with pytest.raises(ResourceExistsError):
        blob.acquire_lease(60)
    lease.renew()
    lease.release()
    table.update_entity(entity("a", n=1), etag=etag, match_condition=MatchConditions.IfNotModified)
    assert table.get_entity("p", "a")["n"] == 1


def test_the_journal_does_not_grow_without_end(tmp_path: Path) -> None:
    limit = 20_000
    with azurite(tmp_path / "data", journal_bytes=limit) as server:
        table = TableClient.from_connection_string(server.connection_string, "items")
        table.create_table()
        for n in range(300):
            table.upsert_entity(entity("always the same", n=n, text="x" * 500))
        # 300 changes of over 600 bytes; the newest segments may not have been dropped yet.
        assert sum(path.stat().st_size for path in table_journal(server)) < 3 * limit
        server.restart()
        assert [found["n"] for found in table.list_entities()] == [299]


def test_a_folder_has_only_one_azurite(server: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import local.azurite.__main__ as m; m.LOCK_WAIT_S = 0; m.main()"
    command = [sys.executable, "-c", script, "--data", str(server.data)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 1
    assert f"Another Azurite uses {server.data}" in second.stderr


def test_without_its_packages_it_says_what_to_do(tmp_path: Path) -> None:
    script = f"import local.azurite.__main__ as m; from pathlib import Path; m.HERE = Path({str(tmp_path)!r}); m.main()"
    command = [sys.executable, "-c", script, "--data", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "run `make setup`" in ended.stderr
