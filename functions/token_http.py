"""The token counter's HTTP endpoints: requests become operations, answers become responses."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import azure.durable_functions as df

from functions.counters import counter_status
from shared.bootstrap import services
from shared.errors import InvalidMessageError
from shared.http_api.messages import Call, Request, Response, Trail, json_response
from shared.http_api.problems import problem, status_of_code
from shared.jobs.deployments import Deployment
from shared.storage.server_clock import ServerClock

type Body = dict[str, Any]

_WAIT_S = 10.0
_POLL_S = 0.05


async def lock(call: Call) -> Response:
    """Whether the tokens are granted; a refusal is an answer, too."""

    async def ask(body: Body) -> Body:
        payload = {"id": body.get("id") or uuid.uuid4().hex, "tokens": body.get("token_count")}
        if (own := await _own(call.request)) is not None:
            payload["limits"] = own.limits.as_dict()
        answer = await _operate(call, "lock", payload)
        # The same answer comes again when it was lost: the time says whether the grant still holds.
        now_s = round((await _clock(call.request)).now_s(), 3)
        return {**answer, "now_s": now_s} if answer.get("allowed") else answer

    return await _respond(call.request, call.trail, ask)


async def report(call: Call) -> Response:
    """Done, whether or not the lock is still known."""

    async def ask(body: Body) -> Body:
        given: Body = {
            name: body[name] for name in ("request_id", "prompt_tokens", "completion_tokens") if name in body
        }
        return await _operate(call, "report", {"id": f"report {body.get('request_id')}", **given})

    return await _respond(call.request, call.trail, ask)


async def release(call: Call) -> Response:
    """Done, whether or not the lock is still known."""

    async def ask(body: Body) -> Body:
        request_id = body.get("request_id")
        return await _operate(call, "release", {"id": f"release {request_id}", "request_id": request_id})

    return await _respond(call.request, call.trail, ask)


async def limits(call: Call) -> Response:
    """The limits that now hold, until the settings change."""

    async def ask(body: Body) -> Body:
        payload: Body = {"id": uuid.uuid4().hex, "limits": body}
        if (own := await _own(call.request)) is not None:
            payload["base"] = own.limits.as_dict()
        return await _operate(call, "configure", payload)

    return await _respond(call.request, call.trail, ask)


async def status(call: Call) -> Response:
    """What the counter says, from its stored state: nothing changes, and nobody waits for it."""

    async def ask(_: Body) -> Body:
        deployment = call.request.params["deployment"]
        answer = await counter_status(call.client, await services(), deployment)
        if answer is None:
            return _error("unknown_deployment", f"There is no token counter for the deployment {deployment}.")
        # Calls line up for our own deployments only; other callers may have counters for others.
        own = await _own(call.request)
        waiting = await own.pump.waiting() if own else {}
        return {**answer, "pending": {app: count for app, count in waiting.items() if call.who.sees(app)}}

    return await _respond(call.request, call.trail, ask)


async def _own(request: Request) -> Deployment | None:
    """The deployment that is meant, where it is one of ours."""
    return (await services()).deployments.get(request.params["deployment"])


async def _clock(request: Request) -> ServerClock:
    return (await _own(request) or (await services()).chat).clock


async def _operate(call: Call, operation: str, payload: Body) -> Body:
    """Run one operation on the entity, and wait for its answer."""
    clock = await _clock(call.request)
    await clock.refresh()
    request = {"now_s": clock.now_s(), "payload": payload}
    asked = {"deployment": call.request.params["deployment"], "operation": operation, "request": request}
    client: df.DurableOrchestrationClient = call.client
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


async def _respond(request: Request, trail: Trail, ask: Callable[[Body], Awaitable[Body]]) -> Response:
    try:
        answer = await ask(_body(request))
    except InvalidMessageError as error:
        answer = _error(error.code, str(error))
    if answer.get("ok"):
        return json_response({name: value for name, value in answer.items() if name != "ok"})
    code = answer["code"]
    # A wrong configuration is the caller's here: the limits that they give.
    status = 400 if code == "configuration" else status_of_code(code, 400)
    return problem(code, status, answer["error"], trail)


def _body(request: Request) -> Body:
    raw = request.body
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidMessageError("The body must be a JSON object.")
    return body


def _error(code: str, text: str) -> Body:
    return {"ok": False, "code": code, "error": text}
