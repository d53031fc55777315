"""The HTTP functions of the app, called without a host."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from functions.http_endpoint import MARK
from shared.http_api.endpoint import Endpoint
from tests.support.app_functions import app_functions

_CLIENT = json.dumps(
    {
        "taskHubName": "none",
        "creationUrls": {},
        "managementUrls": {"id": "INSTANCEID", "statusQueryGetUri": "http://127.0.0.1:1/INSTANCEID"},
        "requiredQueryStringParameters": "",
        "rpcBaseUrl": "http://127.0.0.1:1/durabletask/",
    }
)


@dataclass(frozen=True)
class RegisteredRoute:
    """An HTTP function as the host would see it. `endpoint` is None where it wasn't added by @endpoint."""

    name: str
    route: str
    methods: tuple[str, ...]
    level: str
    endpoint: Endpoint | None
    function: Any

    @property
    def params(self) -> dict[str, str]:
        """A value for each parameter of the route."""
        return dict.fromkeys(re.findall(r"{\*?(\w+)}", self.route), "some")

    async def call(self, headers: Mapping[str, str], *, url: str = "", body: bytes = b"") -> func.HttpResponse:
        """Call it as the worker does."""
        request = func.HttpRequest(
            self.methods[0],
            url or f"https://app.example/api/{self.route}",
            headers=dict(headers),
            route_params=self.params,
            body=body,
        )
        extra = {"client": _CLIENT} if self.endpoint and self.endpoint.durable else {}
        found: func.HttpResponse = await self.function(req=request, **extra)
        return found


def routes() -> list[RegisteredRoute]:
    """All of the app's."""
    found = []
    for function in app_functions():
        for binding in function.get_bindings():
            if binding.type == "httpTrigger":
                user = function.get_user_function()
                methods = tuple(str(getattr(method, "value", method)) for method in binding.methods)
                level = binding.auth_level.name.lower()
                found.append(
                    RegisteredRoute(
                        function.get_function_name(), binding.route, methods, level, getattr(user, MARK, None), user
                    )
                )
    return found
