"""Fetching recordings: from real blobs, and from a real site with TLS."""

import asyncio
import gzip
import secrets
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

import shared.storage.audio_files as module
from shared.audio.errors import AudioTooLargeError, NoDiskSpaceError
from shared.audio.source import AudioNotAllowedError, AudioSources
from shared.config import Connection
from shared.errors import ConflictError, StorageError
from shared.storage.audio_files import AudioFiles, AudioHostError, MissingAudioError
from shared.storage.azure import blob_service
from tests.support.azurite import Azurite
from tests.support.https_site import HttpsSite, https_site

HOST = "files.example.com"
SECRET = "sig=s3cret"


@pytest.fixture
async def service(shared_azurite: Azurite) -> AsyncIterator[BlobServiceClient]:
    async with blob_service(Connection(shared_azurite.connection_string)) as service:
        yield service


@pytest.fixture
async def container(service: BlobServiceClient) -> AsyncIterator[ContainerClient]:
    client = await service.create_container(f"audio-in-{secrets.token_hex(4)}")
    yield client
    await client.delete_container()


def files(
    service: BlobServiceClient, container: ContainerClient, max_bytes: int = 20_000_000, site: HttpsSite | None = None
) -> AudioFiles:
    sources = AudioSources(service.url, [container.container_name], [HOST])
    return AudioFiles(service, sources, max_bytes, timeout_s=5.0, connector=site.connector if site else None)


async def test_a_blob_comes_in_pieces(service: BlobServiceClient, container: ContainerClient, tmp_path: Path) -> None:
    data = secrets.token_bytes(9_000_001)
    blob = await container.upload_blob("caf\u00e9 1.mp3", data)
    reference = f"{container.container_name}/caf\u00e9 1.mp3"
    target = tmp_path / "source"

    tracemalloc.start()
    try:
        found = await files(service, container).fetch(reference, target)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert target.read_bytes() == data
    etag = (await blob.get_blob_properties()).etag
    assert found == {"container": container.container_name, "name": "caf\u00e9 1.mp3", "size": len(data), "etag": etag}
    assert peak < len(data) * 1.6  # two pieces of 4 MiB and their way through the SDK, however large the blob
    assert (await files(service, container).fetch(blob.url, target))["size"] == len(data)


async def test_an_empty_blob(service: BlobServiceClient, container: ContainerClient, tmp_path: Path) -> None:
    await container.upload_blob("empty", b"")
    found = await files(service, container).fetch(f"{container.container_name}/empty", tmp_path / "source")
    assert (found["size"], (tmp_path / "source").read_bytes()) == (0, b"")


async def test_what_may_not_be_read_is_not_asked_for(
    service: BlobServiceClient, container: ContainerClient, tmp_path: Path
) -> None:
    with pytest.raises(AudioNotAllowedError):
        await files(service, container).fetch("sluice-payloads/x", tmp_path / "source")
    assert not (tmp_path / "source").exists()
    with pytest.raises(AudioNotAllowedError):
        files(service, container).check("sluice-payloads/x")


@pytest.mark.parametrize("name", ["none.mp3", "a" * 1024, "folder./x."])
async def test_a_missing_blob(
    service: BlobServiceClient, container: ContainerClient, tmp_path: Path, name: str
) -> None:
    with pytest.raises(MissingAudioError) as caught:
        await files(service, container).fetch(f"{container.container_name}/{name}", tmp_path / "source")
    assert (caught.value.code, caught.value.field) == ("audio_missing", "audio")


async def test_a_missing_container(service: BlobServiceClient, tmp_path: Path) -> None:
    sources = AudioSources(service.url, ["never-made"])
    with pytest.raises(MissingAudioError):
        await AudioFiles(service, sources, 100).fetch("never-made/x", tmp_path / "source")


async def test_a_large_blob_is_not_begun(
    service: BlobServiceClient, container: ContainerClient, tmp_path: Path
) -> None:
    await container.upload_blob("large", bytes(1001))
    with pytest.raises(AudioTooLargeError, match="AUDIO_MAX_BYTES"):
        await files(service, container, max_bytes=1000).fetch(f"{container.container_name}/large", tmp_path / "source")
    assert (tmp_path / "source").stat().st_size == 0


async def test_a_full_disk(
    service: BlobServiceClient, container: ContainerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await container.upload_blob("some", bytes(1001))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(NoDiskSpaceError):
        await files(service, container).fetch(f"{container.container_name}/some", tmp_path / "source")


async def test_a_blob_that_changes_meanwhile(
    service: BlobServiceClient, container: ContainerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of one recording and half of another would pass for one."""
    blob = await container.upload_blob("changing", bytes(10_000_000))
    piece = module._piece

    async def then_changed(*args: object) -> bytes:
        data = await piece(*args)
        await blob.upload_blob(secrets.token_bytes(10_000_000), overwrite=True)
        return data

    monkeypatch.setattr(module, "_piece", then_changed)
    with pytest.raises(ConflictError):
        await files(service, container).fetch(f"{container.container_name}/changing", tmp_path / "source")


async def test_storage_that_is_away(tmp_path: Path) -> None:
    gone = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a;"
    async with BlobServiceClient.from_connection_string(gone, retry_total=0) as service:
        sources = AudioSources(service.url, ["audio-in"])
        with pytest.raises(StorageError):
            await AudioFiles(service, sources, 100).fetch("audio-in/x", tmp_path / "source")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "InvalidResourceName", MissingAudioError),
        (403, "AuthorizationPermissionMismatch", StorageError),
        (409, "BlobArchived", MissingAudioError),
        (500, "InternalError", StorageError),
    ],
)
async def test_what_storage_may_say(tmp_path: Path, status: int, code: str, expected: type[Exception]) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"x-ms-error-code": code})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint={server.make_url('/a')};"
        )
        async with BlobServiceClient.from_connection_string(connection, retry_total=0) as service:
            sources = AudioSources(service.url, ["audio-in"])
            with pytest.raises(expected):
                await AudioFiles(service, sources, 100).fetch("audio-in/x", tmp_path / "source")


async def _fetched(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
    service: BlobServiceClient,
    tmp_path: Path,
    *,
    path: str = f"/a%20b.mp3?{SECRET}",
    max_bytes: int = 1000,
    host: str = HOST,
) -> tuple[dict[str, object], HttpsSite]:
    async with https_site(host, handle) as site:
        sources = AudioSources(service.url, [], [HOST])
        reader = AudioFiles(service, sources, max_bytes, timeout_s=2.0, connector=site.connector)
        return await reader.fetch(f"https://{HOST}{path}", tmp_path / "source"), site


async def test_a_file_of_an_allowed_host(service: BlobServiceClient, tmp_path: Path) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=b"RIFF", headers={"ETag": '"v1"'})

    found, site = await _fetched(handle, service, tmp_path)
    assert (tmp_path / "source").read_bytes() == b"RIFF"
    assert found == {"host": HOST, "size": 4, "etag": '"v1"'}
    request = site.requests[0]
    assert (request.method, request.raw_path, request.host) == ("GET", f"/a%20b.mp3?{SECRET}", HOST)
    assert "Authorization" not in request.headers
    assert request.headers["Accept-Encoding"] == "identity"


async def test_a_packed_answer_is_not_unpacked(service: BlobServiceClient, tmp_path: Path) -> None:
    """A few bytes could become gigabytes."""
    packed = gzip.compress(bytes(1_000_000))

    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    await _fetched(handle, service, tmp_path, max_bytes=2000)
    assert (tmp_path / "source").read_bytes() == packed


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(service: BlobServiceClient, tmp_path: Path, status: int) -> None:
    visited: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        visited.append(request.path)
        return web.Response(status=status, headers={"Location": f"https://{HOST}/elsewhere"})

    with pytest.raises(MissingAudioError, match="isn't followed"):
        await _fetched(handle, service, tmp_path)
    assert visited == ["/a b.mp3"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, MissingAudioError),
        (410, MissingAudioError),
        (401, MissingAudioError),
        (403, MissingAudioError),
        (206, MissingAudioError),
        (429, AudioHostError),
        (500, AudioHostError),
        (503, AudioHostError),
    ],
)
async def test_refusals(service: BlobServiceClient, tmp_path: Path, status: int, expected: type[Exception]) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status)

    with pytest.raises(expected) as caught:
        await _fetched(handle, service, tmp_path)
    assert SECRET not in str(caught.value)


async def test_a_large_file_is_not_begun(service: BlobServiceClient, tmp_path: Path) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=bytes(1001))

    with pytest.raises(AudioTooLargeError):
        await _fetched(handle, service, tmp_path)
    assert (tmp_path / "source").stat().st_size == 0


async def test_a_file_that_does_not_say_its_length_is_cut_off(service: BlobServiceClient, tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(bytes(100))
        return response

    with pytest.raises(AudioTooLargeError):
        await _fetched(handle, service, tmp_path)
    assert (tmp_path / "source").stat().st_size <= 1000


async def test_a_file_that_breaks_off(service: BlobServiceClient, tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 500
        await response.prepare(request)
        await response.write(bytes(100))
        assert request.transport is not None
        request.transport.close()
        return response

    with pytest.raises(AudioHostError, match=HOST) as caught:
        await _fetched(handle, service, tmp_path)
    assert SECRET not in str(caught.value)


async def test_a_host_that_never_ends(service: BlobServiceClient, tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(AudioHostError, match="in time"):
        await _fetched(handle, service, tmp_path)


async def test_a_host_that_is_another(service: BlobServiceClient, tmp_path: Path) -> None:
    """Its certificate is for another name."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=b"RIFF")

    with pytest.raises(AudioHostError, match="Certificate") as caught:
        await _fetched(handle, service, tmp_path, host="evil.example")
    assert SECRET not in str(caught.value)
