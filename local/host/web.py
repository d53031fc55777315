"""The host's HTTP server: functions, webhooks of extensions, /admin, the start page."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from local.host.admin import AdminApi
from local.host.cors import Cors
from local.host.errors import HostError
from local.host.http_functions import HttpFunctions
from local.host.http_messages import MAX_BODY_BYTES
from local.host.keys import Keys

type Webhook = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

ADDRESS = "127.0.0.1"
_LAST_BYTES_S = 2.0  # for responses that are on their way when the host ends
_START_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Functions host</title>"
    "<h1>Your function app is running</h1><p>This is the local functions host. "
    "<a href=/admin/functions>Functions</a>, <a href=/admin/host/status>status</a>.</p></html>"
)


class WebServer:
    """Serves on one port of 127.0.0.1. The port is taken at once, requests are answered from start() on.

    Args:
        port: 0 picks a free one.

    Raises:
        HostError: the port is in use.
    """

    def __init__(self, port: int, keys: Keys, cors: Cors, *, start_page: bool = True) -> None:
        self._socket = _bind(port)
        self.port: int = self._socket.getsockname()[1]
        self._keys = keys
        self._cors = cors
        self._start_page = start_page
        self._webhooks: dict[str, Webhook] = {}
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._runner: web.AppRunner | None = None
        self._functions: HttpFunctions | None = None
        self._admin: AdminApi | None = None

    def register_webhook(self, prefix: str, handler: Webhook) -> None:
        """Send requests under /runtime/webhooks/{prefix} to a handler. With key checks on they need the system key
        `{prefix}_extension` or the master key."""
        self._webhooks[prefix.lower()] = handler

    async def start(self, functions: HttpFunctions, admin: AdminApi) -> None:
        """Begin to answer."""
        self._functions, self._admin = functions, admin
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_LAST_BYTES_S)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, backlog=1024).start()

    async def stop(self) -> None:
        """Take no new requests: new connections are refused, open ones get 503. What is under way goes on."""
        self._stopping = True
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()

    async def drain(self) -> None:
        """Wait for the requests under way."""
        await self._idle.wait()

    async def close(self) -> None:
        """Close all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
        with suppress(OSError):
            self._socket.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self._stopping:
            return web.Response(status=503)
        self._under_way += 1
        self._idle.clear()
        try:
            if preflight := self._cors.preflight(request):
                return preflight
            response = await self._dispatch(request)
            self._cors.apply(request, response)
            return response
        except web.HTTPException:
            raise
        except Exception:
            logging.getLogger(__name__).exception("A request could not be answered.")
            return web.Response(status=500)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        assert self._functions is not None  # noqa: S101 - set by start()
        assert self._admin is not None  # noqa: S101 - set by start()
        parts = request.rel_url.path.lower().strip("/").split("/")
        if parts[0] == "admin" and len(parts) > 1:
            if not self._keys.allows_admin(request):
                return web.Response(status=401)
            return await self._admin.handle(request)
        if parts[:2] == ["runtime", "webhooks"] and len(parts) > 2:
            if (handler := self._webhooks.get(parts[2])) is None:
                return web.Response(status=404)
            return await handler(request) if self._keys.allows_webhook(request, parts[2]) else web.Response(status=401)
        response = await self._functions.handle(request)
        if response is None and request.rel_url.path == "/":
            return _page() if self._start_page else web.Response(status=204)
        return response or web.Response(status=404)


def _page() -> web.Response:
    return web.Response(text=_START_PAGE, content_type="text/html")


def _bind(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((ADDRESS, port))
    except OSError as error:
        server.close()
        raise HostError(
            f"port {port} of {ADDRESS} can't be used: {error.strerror}. "
            "Stop what uses it, or choose another with --port."
        ) from error
    return server
