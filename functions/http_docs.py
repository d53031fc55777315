"""The HTTP endpoints that describe the API."""

from typing import TYPE_CHECKING

from functions.http_endpoint import endpoint
from shared.http_api import endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response


@endpoint(endpoints.OPENAPI)
async def openapi(call: "Call") -> "Response":  # noqa: ARG001 - the same for everybody
    """The OpenAPI document."""
    from shared.http_api.messages import Response
    from shared.http_api.openapi import document

    return Response(200, document(), headers={"Cache-Control": "private, max-age=300"})


@endpoint(endpoints.DOCS)
async def docs(call: "Call") -> "Response":
    """The same as a page."""
    from shared.http_api.docs_page import docs_page

    return docs_page(call.request.query.get("code"))
