"""How an orchestration makes a model call within the quota: it lines up like every other, and sleeps until its turn."""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df

_LEAD_S = 0.5
"""How long before its start the activity is called. What is left it waits for by itself."""


class OversizedCallError(Exception):
    """The limit of tokens was lowered below what the call needs, so that it can never be made. Its text: the tokens."""


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that an orchestration wants to make.

    Attributes:
        deployment: that it calls.
        kind, job_id: of the job that it is part of.
        tokens: what the endpoint will charge, as estimated.
        delay_s: to wait before it lines up.
        traceparent: the trace that it belongs to.
    """

    deployment: str
    kind: str
    job_id: str
    tokens: int
    app_id: str = ""
    priority: str = "normal"
    delay_s: float = 0.0
    traceparent: str | None = None


def booked_call(
    context: df.DurableOrchestrationContext, activity: str, request: Any, call: WaitingCall
) -> Generator[Any, Any, Any]:
    """Make one call through an activity. Use it with `yield from`.

    The activity gets {"ticket": of a RunTicket, "request": request}, keeps to the ticket (BookedCalls.make), and
    returns {"missed": true} where it came too late for it: then the call lines up again.

    Args:
        activity: its name.
        request: JSON for the activity.

    Returns:
        What the activity returned.

    Raises:
        OversizedCallError
    """
    booking = 1
    while True:
        # A name of its own: of two events with one name the SDK keeps the last alone.
        event = f"booked-{context.new_uuid()}"
        waiting = {
            "instance": context.instance_id,
            "event": event,
            "booking": booking,
            "at_s": context.current_utc_datetime.timestamp() + (call.delay_s if booking == 1 else 0.0),
            "deployment": call.deployment,
            "kind": call.kind,
            "job_id": call.job_id,
            "tokens": call.tokens,
            "app_id": call.app_id,
            "priority": call.priority,
            "traceparent": call.traceparent,
        }
        yield context.call_activity("admission_enqueue", waiting)
        ticket = yield context.wait_for_external_event(event)
        # The client encodes the event's data twice.
        ticket = json.loads(ticket) if isinstance(ticket, str) else ticket
        if "oversized" in ticket:
            raise OversizedCallError(str(ticket["oversized"]))
        due = datetime.fromtimestamp(ticket["start_s"] - _LEAD_S, UTC)
        if due > context.current_utc_datetime:
            yield context.create_timer(due)
        answer = yield context.call_activity(activity, {"ticket": ticket, "request": request})
        if not (isinstance(answer, Mapping) and answer.get("missed") is True):
            return answer
        booking += 1
