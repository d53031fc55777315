"""Clients of storage: what of the environment reaches them."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from shared.config import Connection
from shared.storage.azure import blob_service, table_service

KEY = base64.b64encode(b"key").decode()


@asynccontextmanager
async def server(seen: list[str]) -> AsyncIterator[str]:
    """Says yes to everything, as each of the services does. Its address."""

    async def answer(request: web.BaseRequest) -> web.Response:
        seen.append(str(request.url))
        return web.Response(status=200 if "payloads" in request.path else 204)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def account(host: str) -> Connection:
    endpoints = "".join(f"{name}Endpoint=http://{host}/shop;" for name in ("Blob", "Table"))
    return Connection(connection_string=f"AccountName=shop;AccountKey={KEY};{endpoints}")


async def use(connection: Connection) -> None:
    """A request of each client."""
    async with table_service(connection) as tables, blob_service(connection) as blobs:
        await tables.get_table_client("jobs").upsert_entity({"PartitionKey": "a", "RowKey": "b"})
        await blobs.get_container_client("payloads").get_blob_client("a").set_blob_metadata({})


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    async with server(seen) as host:
        monkeypatch.setenv("http_proxy", f"http://{host}")
        await use(account("shop.storage.test"))
    assert [url.partition("?")[0] for url in seen] == [
        "http://shop.storage.test/shop/jobs(PartitionKey='a',RowKey='b')",
        "http://shop.storage.test/shop/payloads/a",
    ]


async def test_netrc_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohttp refuses a request that has credentials both of its own and from there."""
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[str] = []
    async with server(seen) as host:
        await use(account(host))
    assert len(seen) == 2
