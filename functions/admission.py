"""Lets pending calls through as the quota allows: the pump, one orchestration per model deployment."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.durable_pump import ADMIT, WAKE, DurablePump, counter_of
from shared.config import sweep_schedule

bp = df.Blueprint()

_AFTER_FAILURE_S = 5.0


@bp.orchestration_trigger(context_name="context", orchestration=ADMIT)
def admit(context: df.DurableOrchestrationContext) -> Generator[Any, Any]:
    """One cycle: plan, book, send; then wait and begin anew, or end where nothing waits."""
    deployment = context.get_input()
    try:
        planned = yield context.call_activity("admission_plan", deployment)
        answer = None
        for throttled in planned["throttled"]:
            request = {"now_s": planned["now_s"], "payload": throttled}
            yield context.call_entity(counter_of(deployment), "throttled", request)
        if planned["payload"] is not None:
            request = {"now_s": planned["now_s"], "payload": planned["payload"]}
            answer = yield context.call_entity(counter_of(deployment), "book", request)
        pause_s = yield context.call_activity("admission_send", {"planned": planned, "answer": answer})
    except Exception:
        # The activity has logged why. What was booked but not sent expires; what is lined up stays.
        pause_s = _AFTER_FAILURE_S
    if pause_s is None:
        return
    timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=pause_s))
    woken = context.wait_for_external_event(WAKE)
    if (yield context.task_any([timer, woken])) is woken:
        timer.cancel()
    context.continue_as_new(deployment)


@bp.activity_trigger(input_name="deployment")
async def admission_plan(deployment: str) -> dict:  # type: ignore[type-arg]  # the library takes no dict[str, Any]
    """Choose the calls whose turn it is."""
    from shared.bootstrap import services

    return await (await services()).deployment(deployment).pump.plan()


@bp.activity_trigger(input_name="cycle")
@bp.durable_client_input(client_name="client")
async def admission_send(cycle: dict, client: df.DurableOrchestrationClient) -> float | None:  # type: ignore[type-arg]
    """Send what was booked, and tell the orchestrations that wait."""
    from shared.bootstrap import services

    planned = cycle["planned"]
    pump = (await services()).deployment(planned["deployment"]).pump
    return await pump.send(planned, cycle["answer"], DurablePump(client, planned["deployment"]).notify)


@bp.activity_trigger(input_name="call")
@bp.durable_client_input(client_name="client")
async def admission_enqueue(call: dict, client: df.DurableOrchestrationClient) -> None:  # type: ignore[type-arg]
    """Line up a call of an orchestration (functions/booking.py)."""
    from functions.waking import wake_pump
    from shared.bootstrap import services
    from shared.jobs.pending_call import PendingCall

    found = (await services()).deployment(call.pop("deployment"))
    await found.queue.put([PendingCall.orchestrated(**call)])
    await wake_pump(client, found)


@bp.timer_trigger(arg_name="timer", schedule=sweep_schedule())
@bp.durable_client_input(client_name="client")
async def admission_sweep(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:  # noqa: ARG001
    """Find calls that came in the moment when the pump ended, or whose waking failed."""
    from shared.bootstrap import services

    for deployment in (await services()).deployments.values():
        if await deployment.pump.has_work():
            await DurablePump(client, deployment.name).start()
