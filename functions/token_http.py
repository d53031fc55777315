"""The token counter's HTTP endpoints: requests become operations, answers become responses."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.durable_pump import counter_of
from shared.bootstrap import services
from shared.errors import InvalidMessageError
from shared.jobs.deployments import Deployment
from shared.quota.token_counter import apply
from shared.storage.server_clock import ServerClock

type Client = df.DurableOrchestrationClient
type Body = dict[str, Any]

_WAIT_S = 10.0
_POLL_S = 0.05
_STATUS = {"oversized_request": 413, "not_configured": 409, "unavailable": 503, "unknown_deployment": 404}


async def lock(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Whether the tokens are granted; a refusal is an answer, too."""

    async def ask(body: Body) -> Body:
        payload = {"id": body.get("id") or uuid.uuid4().hex, "tokens": body.get("token_count")}
        if (own := await _own(req)) is not None:
            payload["limits"] = own.limits.as_dict()
        answer = await _operate(req, client, "lock", payload)
        # The same answer comes again when it was lost: the time says whether the grant still holds.
        now_s = round((await _clock(req)).now_s(), 3)
        return {**answer, "now_s": now_s} if answer.get("allowed") else answer

    return await _respond(req, ask)


async def report(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Done, whether or not the lock is still known."""

    async def ask(body: Body) -> Body:
        given: Body = {
            name: body[name] for name in ("request_id", "prompt_tokens", "completion_tokens") if name in body
        }
        return await _operate(req, client, "report", {"id": f"report {body.get('request_id')}", **given})

    return await _respond(req, ask)


async def release(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Done, whether or not the lock is still known."""

    async def ask(body: Body) -> Body:
        request_id = body.get("request_id")
        return await _operate(req, client, "release", {"id": f"release {request_id}", "request_id": request_id})

    return await _respond(req, ask)


async def limits(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """The limits that now hold, until the settings change."""

    async def ask(body: Body) -> Body:
        payload: Body = {"id": uuid.uuid4().hex, "limits": body}
        if (own := await _own(req)) is not None:
            payload["base"] = own.limits.as_dict()
        return await _operate(req, client, "configure", payload)

    return await _respond(req, ask)


async def status(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """What the counter says, from its stored state: nothing changes, and nobody waits for it."""

    async def ask(_: Body) -> Body:
        deployment = req.route_params["deployment"]
        entity = await client.read_entity_state(counter_of(deployment))
        state = entity.entity_state if entity.entity_exists else None
        # Calls line up for our own deployments only; other callers may have counters for others.
        own = await _own(req)
        if state is None and own is None:
            return _error("unknown_deployment", f"There is no token counter for the deployment {deployment}.")
        payload: Body = {"id": "status", **({"limits": own.limits.as_dict()} if own else {})}
        _, answer = apply(state, "status", payload, (await _clock(req)).now_s())
        return {**answer, "pending": await own.pump.waiting() if own else {}}

    return await _respond(req, ask)


async def _own(req: func.HttpRequest) -> Deployment | None:
    """The deployment that is meant, where it is one of ours."""
    return (await services()).deployments.get(req.route_params["deployment"])


async def _clock(req: func.HttpRequest) -> ServerClock:
    return (await _own(req) or (await services()).chat).clock


async def _operate(req: func.HttpRequest, client: Client, operation: str, payload: Body) -> Body:
    """Run one operation on the entity, and wait for its answer."""
    clock = await _clock(req)
    await clock.refresh()
    request = {"now_s": clock.now_s(), "payload": payload}
    asked = {"deployment": req.route_params["deployment"], "operation": operation, "request": request}
    instance = await client.start_new("token_operation", None, asked)
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        done = await client.get_status(instance)
        if done.runtime_status is df.OrchestrationRuntimeStatus.Completed:
            await client.purge_instance_history(instance)
            answer: Body = done.output
            return answer
        if done.runtime_status is df.OrchestrationRuntimeStatus.Failed:
            break
        await asyncio.sleep(_POLL_S)
    return _error("unavailable", "The token counter gave no answer in time.")


async def _respond(req: func.HttpRequest, ask: Callable[[Body], Awaitable[Body]]) -> func.HttpResponse:
    try:
        answer = await ask(_body(req))
    except InvalidMessageError as error:
        answer = _error(error.code, str(error))
    if answer.get("ok"):
        return _json(200, {name: value for name, value in answer.items() if name != "ok"})
    number = _STATUS.get(answer["code"], 400)
    # RFC 9457.
    problem = {"type": "about:blank", "title": answer["code"], "status": number, "detail": answer["error"]}
    return _json(number, problem, "application/problem+json")


def _body(req: func.HttpRequest) -> Body:
    raw = req.get_body()
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidMessageError("The body must be a JSON object.")
    return body


def _json(status: int, value: Body, mimetype: str = "application/json") -> func.HttpResponse:
    return func.HttpResponse(json.dumps(value), status_code=status, mimetype=mimetype)


def _error(code: str, text: str) -> Body:
    return {"ok": False, "code": code, "error": text}
