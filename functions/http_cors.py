"""Answers browsers that ask whether a page of another site may call (CORS preflight)."""

from typing import TYPE_CHECKING

from functions.http_endpoint import endpoint
from shared.http_api import endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response


@endpoint(endpoints.CORS_PREFLIGHT)
async def cors_preflight(call: "Call") -> "Response":
    """The headers by which the browser decides. Without SLUICE_HTTP_ORIGINS they allow nothing."""
    from shared.bootstrap.http import pipeline
    from shared.http_api.messages import Response

    return Response(204, headers=pipeline().cors.preflight(call.request.headers))
