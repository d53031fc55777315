"""A proxy before Azurite's blob service that fails as storage may: 429, 500, connections that break before or after."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

import aiohttp
from aiohttp import web


class Fault(StrEnum):
    """What happens to a request."""

    THROTTLED = "throttled"
    ERROR = "error"
    BROKEN_BEFORE = "broken_before"
    """The connection breaks, and storage never hears of the request."""
    BROKEN_AFTER = "broken_after"
    """Storage has done what was asked, but its answer is lost."""
    SLOW = "slow"
    """No answer for a long time."""


type Plan = Callable[[web.Request], Fault | None]

_STATUS = {Fault.THROTTLED: (429, "TooManyRequests"), Fault.ERROR: (500, "InternalError")}
# Of one connection each (RFC 9110, 7.6.1), or worked out anew by the other side.
_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-encoding", "content-length"}


class FaultyStorage:
    """The proxy. `plan` says what happens to each request; `counts` is what has happened.

    Attributes:
        connection_string: for clients.
    """

    def __init__(self, connection_string: str) -> None:
        parts = dict(part.split("=", 1) for part in connection_string.split(";") if part)
        self._parts = parts
        self._target = parts["BlobEndpoint"].rstrip("/").rsplit("/", 1)[0]
        self.plan: Plan = lambda _: None
        self.counts: Counter[str] = Counter()
        self.uploads: list[str] = []
        self.connection_string = ""

    @asynccontextmanager
    async def running(self) -> "AsyncIterator[FaultyStorage]":
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/{self._parts['AccountName']}"
        self.connection_string = ";".join(f"{k}={v}" for k, v in {**self._parts, "BlobEndpoint": address}.items()) + ";"
        async with aiohttp.ClientSession(auto_decompress=False) as self._session:
            try:
                yield self
            finally:
                await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = self.plan(request)
        self.counts[fault or "passed"] += 1
        if request.method == "PUT":
            self.uploads.append(request.path_qs)
        if fault in _STATUS:
            await request.read()
            status, code = _STATUS[fault]
            return web.Response(status=status, headers={"x-ms-error-code": code})
        if fault is Fault.SLOW:
            await asyncio.sleep(3600)
        if fault is Fault.BROKEN_BEFORE:
            return self._broken(request)
        try:
            answer = await self._forward(request)
        except aiohttp.ClientError:
            return self._broken(request)  # Azurite is away
        return self._broken(request) if fault is Fault.BROKEN_AFTER else answer

    async def _forward(self, request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        url = aiohttp.client.URL(self._target + request.raw_path, encoded=True)
        body = await request.read()
        sent = self._session.request(
            request.method,
            url,
            headers=headers,
            data=body or None,
            skip_auto_headers=("Content-Type", "Accept", "User-Agent"),
        )
        async with sent as answer:
            told = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            content = await answer.read()
            if request.method == "HEAD":
                told["Content-Length"] = answer.headers.get("Content-Length", "0")
            return web.Response(status=answer.status, headers=told, body=content)

    @staticmethod
    def _broken(request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
