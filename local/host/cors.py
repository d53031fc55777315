"""Cross-origin requests, as `func start` allows them by Host.CORS (ASP.NET Core's CorsService)."""

from collections.abc import Sequence

from aiohttp import hdrs, web


class Cors:
    """Answers preflight requests and marks responses.

    Args:
        origins: those that may call; "*" means all; none switches CORS off.
        credentials: whether browsers may send cookies.
    """

    def __init__(self, origins: Sequence[str] = (), *, credentials: bool = False) -> None:
        self._origins = frozenset(origins)
        self._credentials = credentials

    def preflight(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to a preflight request, which no function sees; None if the request isn't one."""
        method = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
        if not self._origins or request.method != hdrs.METH_OPTIONS or hdrs.ORIGIN not in request.headers or not method:
            return None
        response = web.Response(status=204)
        if self._allows(request):
            headers = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
            if headers:
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = headers
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = method
            self._mark(request, response)
        return response

    def apply(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Mark the response to an allowed origin."""
        if self._origins and self._allows(request):
            self._mark(request, response)

    def _allows(self, request: web.BaseRequest) -> bool:
        origin = request.headers.get(hdrs.ORIGIN)
        return origin is not None and ("*" in self._origins or origin in self._origins)

    def _mark(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        anyone = "*" in self._origins
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*" if anyone else request.headers[hdrs.ORIGIN]
        if not anyone and len(self._origins) > 1:
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if self._credentials:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
