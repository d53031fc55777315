"""The global token counter: one durable entity per model deployment, and its HTTP endpoints for callers outside."""

import json
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.durable_pump import TOKEN_COUNTER, counter_of
from shared.config import token_endpoints_level

bp = df.Blueprint()

_LEVEL = func.AuthLevel[token_endpoints_level().upper()]


@bp.entity_trigger(context_name="context", entity_name=TOKEN_COUNTER)
def token_counter(context: df.DurableEntityContext) -> None:
    """Reduce one operation over the ledger."""
    from shared.quota.token_counter import apply

    request = context.get_input()
    request = json.loads(request) if isinstance(request, str) else request  # a signal's input is encoded twice
    state = context.get_state(lambda: None)
    state, answer = apply(state, context.operation_name, request["payload"], request["now_s"])
    context.set_state(state)
    context.set_result(answer)


@bp.orchestration_trigger(context_name="context")
def token_operation(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Call the counter and wait for its answer, which a client can't do by itself."""
    asked = context.get_input()
    return (yield context.call_entity(counter_of(asked["deployment"]), asked["operation"], asked["request"]))


@bp.route(route="tokens/{deployment}/lock", methods=["POST"], auth_level=_LEVEL)
@bp.durable_client_input(client_name="client")
async def tokens_lock(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Lock tokens for one call: body {app_id, token_count, id?}."""
    from functions.token_http import lock

    return await lock(req, client)


@bp.route(route="tokens/{deployment}/report", methods=["POST"], auth_level=_LEVEL)
@bp.durable_client_input(client_name="client")
async def tokens_report(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Say what a locked call used: body {app_id, request_id, prompt_tokens, completion_tokens}."""
    from functions.token_http import report

    return await report(req, client)


@bp.route(route="tokens/{deployment}/release", methods=["POST"], auth_level=_LEVEL)
@bp.durable_client_input(client_name="client")
async def tokens_release(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Give back tokens of a call that wasn't made: body {app_id, request_id}."""
    from functions.token_http import release

    return await release(req, client)


@bp.route(route="tokens/{deployment}/limits", methods=["PUT"], auth_level=_LEVEL)
@bp.durable_client_input(client_name="client")
async def tokens_limits(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Change limits while running: body {tpm?, rpm?, request_window_s?, guard_s?, pace?}."""
    from functions.token_http import limits

    return await limits(req, client)


@bp.route(route="tokens/{deployment}/status", methods=["GET"], auth_level=_LEVEL)
@bp.durable_client_input(client_name="client")
async def tokens_status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Limits, what is used and booked, when the window resets, the pending calls of each app."""
    from functions.token_http import status

    return await status(req, client)
