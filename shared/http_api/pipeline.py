"""What every request goes through, whatever it is about: who calls, whether they may, how often, and what is noted."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from shared.config_http import HttpSettings
from shared.http_api.endpoint import Endpoint
from shared.http_api.errors import BodyTooLargeError, CrossSiteError, MediaTypeError, RateLimitExceededError
from shared.http_api.headers import SECURITY, Cors, rate_limit_headers
from shared.http_api.messages import Call, Request, Response, Trail
from shared.http_api.responses import ErrorResponse
from shared.security.audit import audit
from shared.security.authentication import Authenticator
from shared.security.caller import Caller
from shared.security.errors import AccessClosedError, AuthenticationError
from shared.security.rate_limit import RateLimitCache
from shared.telemetry.context import LoggingContext
from shared.telemetry.events import log_event

_WINDOW_S = 60.0
_SAFE = ("GET", "HEAD", "OPTIONS")

logger = logging.getLogger(__name__)

type Handler = Callable[[Call], Awaitable[Response]]


class Pipeline:
    """Lets requests through to those who answer them.

    Args:
        authenticator, limits: None where the settings are wrong: then nobody is let in.
        monotonic: seconds, for the length of requests.
    """

    def __init__(
        self,
        settings: HttpSettings,
        authenticator: Authenticator | None,
        limits: RateLimitCache | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._limits = limits
        self._monotonic = monotonic
        self.cors = Cors(settings.origins)

    async def handle(self, endpoint: Endpoint, request: Request, handler: Handler, client: Any = None) -> Response:
        """Answer a request. Never raises."""
        call = Call(request, Trail.of(request.headers, request.params), client=client)
        trail = call.trail
        with LoggingContext(correlation_id=trail.correlation_id, trace_id=trail.trace_id, job_id=trail.job_id):
            return await self._handle(endpoint, call, handler)

    async def _handle(self, endpoint: Endpoint, call: Call, handler: Handler) -> Response:
        begun_s, request = self._monotonic(), call.request
        headers: dict[str, str] = {}
        reason = None
        try:
            if endpoint.permission is not None:
                if self._authenticator is None:
                    raise AccessClosedError
                caller = await self._authenticator.authenticate(request.headers, request.query)
                call = replace(call, caller=caller)
                caller.check(endpoint.permission)
                headers = await self._count(caller)
            self._check(endpoint, request)
            response = await handler(call)
        except Exception as error:
            reason = error.reason if isinstance(error, AuthenticationError) else None
            response = ErrorResponse.of(error, call.trail)
        _note(endpoint, call, response, self._monotonic() - begun_s, reason)
        cors = self.cors.headers(request.headers)
        trail = {"X-Correlation-Id": call.trail.correlation_id}
        return replace(response, headers={**SECURITY, **cors, **headers, **trail, **response.headers})

    def _check(self, endpoint: Endpoint, request: Request) -> None:
        """Refuse what no endpoint looks at: before anything is parsed.

        Raises:
            HttpError
        """
        if request.method not in _SAFE and self.cors.is_cross_site(request.url, request.headers):
            raise CrossSiteError("A page of another site may not do this (SLUICE_HTTP_ORIGINS).")
        if len(request.body) > self._settings.max_body_bytes:
            raise BodyTooLargeError(self._settings.max_body_bytes)
        if endpoint.media and request.body and request.media_type != endpoint.media:
            raise MediaTypeError(endpoint.media)

    async def _count(self, caller: Caller) -> dict[str, str]:
        """Count a request. Returns the headers that say what is left.

        Raises:
            RateLimitExceededError
        """
        if self._limits is None or not self._settings.rate_per_minute:
            return {}
        found = await self._limits.check_rate_limit(caller.id, self._settings.rate_per_minute, _WINDOW_S)
        headers = rate_limit_headers(found)
        if not found.allowed:
            raise RateLimitExceededError(found.limit, found.window_s, found.retry_after_s, headers)
        return headers


def _note(endpoint: Endpoint, call: Call, response: Response, took_s: float, reason: str | None) -> None:
    """The route and never the address: that may hold a key."""
    trail, request = call.trail, call.request
    log_event(
        logger,
        "http_request",
        level=logging.WARNING if response.status >= 500 else logging.INFO,
        method=request.method,
        route=endpoint.route,
        status=response.status,
        took_ms=round(1000 * took_s),
        bytes_in=len(request.body),
        bytes_out=len(response.body),
        caller=call.caller.id if call.caller else None,
        refused=reason,
        correlation_id=trail.correlation_id,
        trace_id=trail.trace_id,
    )
    if endpoint.change:
        audit(
            endpoint.permission or endpoint.name,
            call.caller,
            target=_target(endpoint, request.params),
            status=response.status,
            correlation_id=trail.correlation_id,
            detail=response.about,
        )


def _target(endpoint: Endpoint, params: Mapping[str, str]) -> str:
    target = endpoint.route
    for name, value in params.items():
        target = target.replace(f"{{{name}}}", value[:200])
    return target
