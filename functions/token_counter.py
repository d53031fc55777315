"""The global token counter: one durable entity per model deployment, and its HTTP endpoints for callers outside."""

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import azure.durable_functions as df

from functions.durable_pump import TOKEN_COUNTER, counter_of
from functions.http_endpoint import endpoint
from shared.http_api import endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response

bp = df.Blueprint()


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


@endpoint(endpoints.TOKENS_LOCK)
async def tokens_lock(call: "Call") -> "Response":
    """Lock tokens for one call: body {app_id, token_count, id?}."""
    from functions.token_http import lock

    return await lock(call)


@endpoint(endpoints.TOKENS_REPORT)
async def tokens_report(call: "Call") -> "Response":
    """Say what a locked call used: body {app_id, request_id, prompt_tokens, completion_tokens}."""
    from functions.token_http import report

    return await report(call)


@endpoint(endpoints.TOKENS_RELEASE)
async def tokens_release(call: "Call") -> "Response":
    """Give back tokens of a call that wasn't made: body {app_id, request_id}."""
    from functions.token_http import release

    return await release(call)


@endpoint(endpoints.TOKENS_LIMITS)
async def tokens_limits(call: "Call") -> "Response":
    """Change limits while running: body {tpm?, rpm?, request_window_s?, guard_s?, pace?}."""
    from functions.token_http import limits

    return await limits(call)


@endpoint(endpoints.TOKENS_STATUS)
async def tokens_status(call: "Call") -> "Response":
    """Limits, what is used and booked, when the window resets, the pending calls of each app."""
    from functions.token_http import status

    return await status(call)
