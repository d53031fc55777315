"""The control endpoint: faults, statistics and limits at run time. JSON in and out; no key is needed.

POST   /control/faults         one fault or a list of them -> 201 {"ids": [1]}       (faults.py describes them)
GET    /control/faults         those still to come, with how often they fired
DELETE /control/faults         clear all;   DELETE /control/faults/{id}   one
GET    /control/stats          counts and the per-second history (?history_s=60 for the last minute only)
GET    /control/limits         limits, and what remains of them, by deployment
PUT    /control/limits         {"deployment": "my-gpt", "tpm": 50000, "rpm": 300, "token_window": "fixed",
                                "request_window_s": 1, "refund": true, "count_rejected": false,
                                "charge_factor": 1.1, "enforced": true}; all optional; without "deployment" all
POST   /control/reset          forget faults, statistics and what was counted; limits as at the start
"""

import json
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.model.azure_errors import ApiError
from local.model.faults import FAULTS
from local.model.gateway import Gateway
from local.model.requests import parameter_path
from local.model.stats import HISTORY_S


class LimitsChange(BaseModel):
    """Body of PUT /control/limits: what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    deployment: str | None = None
    tpm: int | None = Field(default=None, ge=1)
    rpm: int | None = Field(default=None, ge=1)
    token_window: Literal["rolling", "fixed"] | None = None
    request_window_s: Literal[1, 10] | None = None
    refund: bool | None = None
    count_rejected: bool | None = None
    charge_factor: float | None = Field(default=None, gt=0, le=100)
    enforced: bool | None = None


class Control:
    """Handlers of the control endpoint."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/control/faults", self.inject)
        router.add_get("/control/faults", self.list_faults)
        router.add_delete("/control/faults", self.clear_faults)
        router.add_delete(r"/control/faults/{id:\d+}", self.remove_fault)
        router.add_get("/control/stats", self.stats)
        router.add_get("/control/limits", self.limits)
        router.add_put("/control/limits", self.change_limits)
        router.add_post("/control/reset", self.reset)

    async def inject(self, request: web.Request) -> web.Response:
        body = await _json(request)
        try:
            faults = FAULTS.validate_python(body if isinstance(body, list) else [body])
        except ValidationError as error:
            # The first parts of the location are the fault's number and, where it has a known one, its kind.
            raise _bad_request(error, skipped=2, otherwise="kind") from None
        return web.json_response({"ids": self._gateway.faults.inject(faults)}, status=201)

    async def list_faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": self._gateway.faults.listed()})

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._gateway.faults.clear()
        return web.json_response({"faults": []})

    async def remove_fault(self, request: web.Request) -> web.Response:
        if not self._gateway.faults.remove(int(request.match_info["id"])):
            raise ApiError(404, {"error": {"field": "id", "message": "There is no such fault."}})
        return await self.list_faults(request)

    async def stats(self, request: web.Request) -> web.Response:
        given = request.query.get("history_s", str(HISTORY_S))
        if not given.isdecimal():
            raise ApiError(400, {"error": {"field": "history_s", "message": "must be a whole number of seconds"}})
        return web.json_response(self._gateway.stats.report(int(given)))

    async def limits(self, _: web.Request) -> web.Response:
        deployments = self._gateway.deployments
        now_s = deployments.clock()
        return web.json_response(
            {
                "default": _listed(deployments.default_limits),
                "deployments": {
                    deployment.name: {
                        "model": deployment.model,
                        **_listed(deployment.limiter.limits),
                        "remaining_tokens": deployment.limiter.state(now_s).remaining_tokens,
                        "remaining_requests": deployment.limiter.state(now_s).remaining_requests,
                    }
                    for deployment in deployments.all()
                },
            }
        )

    async def change_limits(self, request: web.Request) -> web.Response:
        try:
            change = LimitsChange.model_validate(await _json(request))
        except ValidationError as error:
            raise _bad_request(error) from None
        self._gateway.deployments.change(
            change.deployment, change.model_dump(exclude_none=True, exclude={"deployment"})
        )
        return await self.limits(request)

    async def reset(self, _: web.Request) -> web.Response:
        self._gateway.faults.clear()
        self._gateway.stats.reset()
        self._gateway.deployments.reset()
        return web.json_response({})


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError):
        raise ApiError(400, {"error": {"field": "", "message": "the body is not JSON"}}) from None


def _bad_request(error: ValidationError, skipped: int = 0, otherwise: str = "") -> ApiError:
    """400 that names the field: the error's location without its first parts, or what it is otherwise."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = parameter_path(first["loc"][skipped:]) or otherwise
    return ApiError(400, {"error": {"field": field, "message": first["msg"]}})


def _listed(limits: Any) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in LimitsChange.model_fields if name != "deployment"}
