"""GET /openai/v1/models: the deployments that are configured or were used."""

from typing import Any

from aiohttp import web

from local.model import azure_errors
from local.model.deployments import Deployments
from local.model.gateway import has_identity


class ModelsHandler:
    """Lists deployments; it isn't limited and isn't counted."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    async def handle(self, request: web.Request) -> web.Response:
        if not has_identity(request):
            raise azure_errors.unauthorized()
        data: list[dict[str, Any]] = [
            {"id": deployment.name, "object": "model", "created": 0, "owned_by": "sluice", "model": deployment.model}
            for deployment in self._deployments.all()
        ]
        return web.json_response({"object": "list", "data": data})
