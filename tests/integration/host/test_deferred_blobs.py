"""Microsoft's clients as parameters (azurefunctions-extensions-bindings-blob): blobs whose content nobody reads."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from tests.support.azurite import azurite
from tests.support.host import RunningHost, functions_host, write_app

APP = """
import azurefunctions.extensions.bindings.blob as sdk

def seen(function, **facts):
    logging.info("SEEN %s", json.dumps({"function": function, **facts}))

@app.function_name("told")
@app.blob_trigger(arg_name="blob", path="told/{name}", connection="Storage", source=func.BlobSource.EVENT_GRID)
def told(blob: sdk.BlobClient) -> None:
    start = blob.download_blob(offset=0, length=4).readall().hex()
    seen("told", container=blob.container_name, name=blob.blob_name, size=blob.get_blob_properties().size, start=start)

@app.function_name("scanned")
@app.blob_trigger(arg_name="stream", path="scanned/{name}.txt", connection="Storage")
def scanned(stream: sdk.StorageStreamDownloader) -> None:
    seen("scanned", content=stream.readall().decode())

@app.function_name("whole")
@app.blob_trigger(arg_name="container", path="scanned", connection="Storage")
def whole(container: sdk.ContainerClient) -> None:
    seen("whole", names=[blob.name for blob in container.list_blobs()])

@app.function_name("copying")
@app.blob_trigger(arg_name="blob", path="copied/{name}", connection="Storage")
@app.blob_output(arg_name="out", path="copies/{name}", connection="Storage")
def copying(blob: sdk.BlobClient, out: func.Out[str]) -> None:
    seen("copying")

@app.function_name("prefixed")
@app.blob_trigger(arg_name="blob", path="prefixed/{name}", connection="Other")
def prefixed(blob: sdk.BlobClient) -> None:
    seen("prefixed")

@app.route("look/{name}")
@app.blob_input(arg_name="blob", path="told/{name}", connection="Storage")
@app.blob_input(arg_name="container", path="told", connection="Storage")
def look(req: func.HttpRequest, blob: sdk.BlobClient, container: sdk.ContainerClient) -> str:
    return json.dumps({"name": blob.blob_name, "exists": blob.exists(), "container": container.container_name})
"""
MEGABYTE = 1_000_000


class World:
    """A host with the app, and its storage."""

    def __init__(self, host: RunningHost, storage: BlobServiceClient) -> None:
        self.host = host
        self.storage = storage

    def seen(self, function: str, count: int = 1) -> dict[str, Any]:
        """What a function wrote the so-manieth time it was called."""
        line = self.host.wait_for_line(lambda line: f'SEEN {{"function": "{function}"' in line, 30, count=count)
        return dict(json.loads(line[line.index("{") :]))

    def peaks_mb(self) -> list[float]:
        """The most memory that the host and its worker have had so far."""
        [worker] = self.host.worker_pids()
        return [_peak_mb(pid) for pid in (self.host.process.pid, worker)]


def _peak_mb(pid: int) -> float:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024 / MEGABYTE


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with azurite() as server:
        settings = dict.fromkeys(("Storage", "AzureWebJobsOther", "AzureWebJobsStorage"), server.connection_string)
        storage = BlobServiceClient.from_connection_string(server.connection_string)
        for name in ("told", "scanned", "copied", "prefixed"):
            storage.create_container(name)
            if name != "told":
                storage.get_blob_client(name, "early.txt").upload_blob("before the host")
        app = write_app(
            tmp_path_factory.mktemp("app"),
            APP,
            settings=settings,
            host_json={"extensions": {"blobs": {"poisonBlobThreshold": 1}}},
        )
        with functions_host(app) as host:
            assert sorted(host.functions) == ["copying", "look", "prefixed", "scanned", "told", "whole"]
            yield World(host, storage)


def test_a_large_blob_goes_through_neither_host_nor_worker(world: World) -> None:
    container = world.storage.get_container_client("told")
    container.upload_blob("a b/ü.bin", b"\xff\x00")
    first = {"function": "told", "container": "told", "name": "a b/ü.bin", "size": 2, "start": "ff00"}
    assert world.seen("told") == first
    before = world.peaks_mb()
    container.get_blob_client("large.wav").create_page_blob(200 * 1024 * 1024)
    second = world.seen("told", 2)
    assert (second["name"], second["size"], second["start"]) == ("large.wav", 200 * 1024 * 1024, "00000000")
    grown = [now - then for now, then in zip(world.peaks_mb(), before, strict=True)]
    assert max(grown) < 20, f"host and worker grew by {grown} MB"


def test_a_stream_and_a_container(world: World) -> None:
    assert world.seen("scanned")["content"] == "before the host"
    assert world.seen("whole")["names"] == ["early.txt"]


def test_inputs_whether_or_not_the_blob_is_there(world: World) -> None:
    world.storage.get_blob_client("told", "there").upload_blob(b"x", overwrite=True)
    for name, exists in (("there", True), ("missing", False)):
        with urllib.request.urlopen(f"{world.host.url}/api/look/{name}", timeout=30) as response:  # noqa: S310 - loopback
            assert json.load(response) == {"name": name, "exists": exists, "container": "told"}


def test_an_expression_in_an_output_makes_the_host_send_the_content(world: World) -> None:
    world.host.wait_for_line("unexpected type of data received for the \"blob\" binding : 'string'")
    assert 'SEEN {"function": "copying"' not in world.host.text


def test_the_worker_looks_for_the_connection_as_it_is_written(world: World) -> None:
    world.host.wait_for_line("Storage account connection name Other does not exist")
    assert 'SEEN {"function": "prefixed"' not in world.host.text
