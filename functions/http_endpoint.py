"""The one way to add an HTTP function: `@endpoint(ENDPOINT)`. A test looks for routes that were added otherwise."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import azure.durable_functions as df
import azure.functions as func

from shared.config import http_level
from shared.http_api.endpoint import Endpoint

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response

type Answer = Callable[["Call"], Awaitable["Response"]]

MARK = "sluice_endpoint"
"""The attribute of a function that holds its endpoint."""


bp = df.Blueprint()


def endpoint(what: Endpoint) -> Callable[[Answer], Answer]:
    """Make an HTTP function of a coroutine function that answers calls.

    Whatever the endpoint, its requests go through shared/http_api/pipeline.py: access, limits, headers, logs.
    """

    def add(answer: Answer) -> Answer:
        async def with_client(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
            return await _handle(what, answer, req, client)

        async def alone(req: func.HttpRequest) -> func.HttpResponse:
            return await _handle(what, answer, req)

        function = with_client if what.durable else alone
        setattr(function, MARK, what)
        level = http_level() if what.permission is not None else "anonymous"
        if what.durable:
            function = bp.durable_client_input(client_name="client")(function)
        function = bp.route(route=what.route, methods=[what.method], auth_level=func.AuthLevel[level.upper()])(function)
        bp.function_name(what.name)(function)
        return answer

    return add


async def _handle(
    what: Endpoint, answer: Answer, req: func.HttpRequest, client: df.DurableOrchestrationClient | None = None
) -> func.HttpResponse:
    from shared.bootstrap.http import pipeline
    from shared.http_api.messages import Request

    request = Request(
        method=req.method.upper(),
        url=req.url,
        params=dict(req.route_params),
        query=dict(req.params),
        headers={name.lower(): value for name, value in req.headers.items()},
        body=req.get_body(),
    )
    response = await pipeline().handle(what, request, answer, client)
    headers = {"Content-Type": response.content_type, **response.headers}
    return func.HttpResponse(response.body, status_code=response.status, headers=headers)
