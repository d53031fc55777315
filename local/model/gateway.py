"""What every call passes, in this order: identity, path, deployment, body, faults, limits, engine, faults, statistics.

Nothing here logs a body.
"""

import asyncio
import json
import math
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from local.model import azure_errors
from local.model.api import Answer, ApiOperation, Asked
from local.model.azure_errors import ApiError
from local.model.deployments import Deployment, Deployments
from local.model.faults import AnyFault, DropFault, FaultBook, FilterFault, OutputFault, RetryAfterFault, StatusFault
from local.model.limits import Decision, Entry, Limits
from local.model.stats import Call, Stats

Headers = dict[str, str]


class DroppedError(Exception):
    """The connection is to be cut.

    Args:
        sent: what is sent before, as the beginning of a longer answer.
    """

    def __init__(self, sent: bytes = b"") -> None:
        self.sent = sent


@dataclass(slots=True)
class Exchange:
    """One call on its way through: what is known of it so far."""

    request: web.Request
    operation: ApiOperation
    call: Call
    headers: Headers
    fault: AnyFault | None = None

    def answer_headers(self, more: Mapping[str, str] | None = None) -> Headers:
        """Headers of the answer, as the fault wants them."""
        changes = {name.lower(): value for name, value in self.fault.headers.items()} if self.fault else {}
        headers: dict[str, str | None] = {**self.headers, **(more or {}), **changes}
        return {name: value for name, value in headers.items() if value is not None}


@dataclass(slots=True)
class Gateway:
    """Attributes: latency_ms: how long each admitted call waits beside the engine's own time, from least to most."""

    deployments: Deployments
    faults: FaultBook
    stats: Stats
    latency_ms: tuple[float, float] = (0.0, 0.0)
    rng: random.Random = field(default_factory=random.Random)

    async def handle(self, request: web.Request, operation: ApiOperation) -> web.StreamResponse:
        """Answer one HTTP request."""
        exchange = Exchange(request, operation, self.stats.begin(operation.name), _identity_headers())
        status = "dropped"
        try:
            response = await self._respond(exchange)
            status = str(response.status)
        except ApiError as error:
            status = str(error.status)
            response = web.json_response(
                error.body, status=error.status, headers=exchange.answer_headers(error.headers)
            )
        except DroppedError as drop:
            return await _drop(request, drop.sent, exchange.answer_headers())
        except Exception:
            status = "500"
            raise
        finally:
            self.stats.end(exchange.call, status)
        return response

    async def _respond(self, exchange: Exchange) -> web.Response:
        request, operation = exchange.request, exchange.operation
        if not has_identity(request):
            raise azure_errors.unauthorized()
        api_version = _api_version(request)
        named = request.match_info.get("deployment", "")
        if named:
            exchange.call.deployment = self.deployments.get(named).name
        if drop := self.faults.on_arrival(operation.name, named):
            await _wait_ms(drop.delay_ms)
            raise DroppedError
        asked = await operation.read(request)
        deployment = self.deployments.get(named or asked.deployment)
        deployment.check_can(operation.name)
        exchange.call.deployment = exchange.headers["x-ms-deployment-name"] = deployment.name
        exchange.fault = self.faults.on_request(operation.name, deployment.name, asked.searchable)
        if isinstance(exchange.fault, StatusFault) and exchange.fault.is_free:
            await _wait_ms(exchange.fault.delay_ms)
            raise azure_errors.status_error(exchange.fault.status, exchange.fault.message)
        entry = self._admit(exchange, asked, deployment, api_version)
        await _wait_ms(self.rng.uniform(*self.latency_ms) + (exchange.fault.delay_ms if exchange.fault else 0.0))
        answer = await _answered(operation, asked, deployment, exchange.fault)
        exchange.call.billed = answer.billed
        deployment.limiter.settle(self.deployments.clock(), entry, answer.billed)
        return _response(answer, exchange)

    def _admit(self, exchange: Exchange, asked: Asked, deployment: Deployment, api_version: str) -> Entry | None:
        """Charge the call.

        Raises:
            ApiError: 429, a limit is used up.
        """
        charge = exchange.operation.charge(asked, deployment)
        limits = deployment.limiter.limits
        tokens = limits.charge(charge.prompt_tokens, charge.max_tokens, charge.choices) if charge else 0
        decision = deployment.limiter.admit(self.deployments.clock(), tokens)
        exchange.headers |= _quota_headers(decision, counts_tokens=charge is not None)
        if decision.exceeded:
            retry = self.faults.on_rejection(exchange.operation.name, deployment.name, asked.searchable)
            raise azure_errors.too_many_requests(
                exchange.operation.name,
                decision.exceeded,
                api_version,
                math.ceil(decision.retry_after_s),
                _retry_headers(decision.retry_after_s, retry),
            )
        exchange.call.charged = tokens
        return decision.entry


async def _answered(operation: ApiOperation, asked: Asked, deployment: Deployment, fault: AnyFault | None) -> Answer:
    if isinstance(fault, StatusFault):
        raise azure_errors.status_error(fault.status, fault.message)
    if isinstance(fault, FilterFault) and fault.on == "prompt":
        raise azure_errors.prompt_filtered()
    if isinstance(fault, DropFault) and fault.at == "before_answering":
        raise DroppedError
    return await operation.answer(asked, deployment, fault)


def _response(answer: Answer, exchange: Exchange) -> web.Response:
    fault = exchange.fault
    if isinstance(answer.body, str):
        content_type, body = "text/plain", answer.body.encode()
    else:
        content_type, body = "application/json", json.dumps(answer.body, ensure_ascii=False).encode()
    if isinstance(fault, DropFault):
        raise DroppedError(body[: len(body) // 2])
    if isinstance(fault, OutputFault) and fault.kind == "invalid_json":
        body = body[: len(body) // 2]
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=exchange.answer_headers())


async def _drop(request: web.Request, sent: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
    """Cut the connection, after the beginning of an answer that announces to be longer."""
    response = web.StreamResponse(headers=headers)
    if sent:
        response.content_length = 2 * len(sent) + 1
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(sent)
    if request.transport is not None:
        request.transport.close()
    return response


def has_identity(request: web.Request) -> bool:
    """Whether there is a key or a token; any will do."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return bool(request.headers.get("api-key")) or (scheme.lower() == "bearer" and bool(token.strip()))


def _api_version(request: web.Request) -> str:
    version = request.query.get("api-version", "")
    if not version and "deployment" in request.match_info:
        raise azure_errors.resource_not_found()
    return version or "v1"


def _identity_headers() -> Headers:
    request_id = str(uuid.uuid4())
    return {"x-request-id": request_id, "apim-request-id": request_id, "x-ms-region": "Local"}


def _quota_headers(decision: Decision, *, counts_tokens: bool) -> Headers:
    limits: Limits = decision.limits
    headers = {
        "x-ratelimit-limit-requests": str(limits.rpm),
        "x-ratelimit-remaining-requests": str(decision.remaining_requests),
    }
    if counts_tokens:
        headers["x-ratelimit-limit-tokens"] = str(limits.tpm)
        headers["x-ratelimit-remaining-tokens"] = str(decision.remaining_tokens)
    return headers


def _retry_headers(retry_after_s: float, fault: RetryAfterFault | None) -> Headers:
    ms, seconds = str(math.ceil(retry_after_s * 1000)), str(math.ceil(retry_after_s))
    headers: dict[str, str | None] = {"retry-after-ms": ms, "retry-after": seconds}
    if fault is not None:
        headers = {"retry-after-ms": fault.retry_after_ms, "retry-after": fault.retry_after, **fault.headers}
    return {name: value for name, value in headers.items() if value is not None}


async def _wait_ms(milliseconds: float) -> None:
    if milliseconds > 0:
        await asyncio.sleep(milliseconds / 1000)
