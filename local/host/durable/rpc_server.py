"""The address at which workers use the management API: on the loopback interface, without keys, as in the cloud."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from local.host.http_messages import MAX_BODY_BYTES

_PREFIX = "/durabletask"
_ADDRESS = "127.0.0.1"

type Answer = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]


class RpcServer:
    """Serves on a free port.

    Attributes:
        answer: gets each request and its path below the server's address; to be set before requests come.
    """

    answer: Answer

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Begin to answer.

        Returns:
            The address, ending in "/".
        """
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", _PREFIX + "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, _ADDRESS, 0).start()
        return f"http://{_ADDRESS}:{self._runner.addresses[0][1]}{_PREFIX}/"

    async def close(self) -> None:
        """Close all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await self.answer(request, request.rel_url.raw_path.removeprefix(_PREFIX))
