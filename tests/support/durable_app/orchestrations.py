"""Orchestrations, one for each feature."""

import json
import os
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from activities import count, trace

blueprint = df.Blueprint()
type Steps = Generator[Any, Any, Any]
RETRY = df.RetryOptions(50, 3)


@blueprint.orchestration_trigger(context_name="context")
def chain(context: df.DurableOrchestrationContext) -> Steps:
    first = yield context.call_activity("greet", "Tokyo")
    second = yield context.call_activity("greet", "Seattle")
    return [first, second]


@blueprint.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Steps:
    squares = yield context.task_all([context.call_activity("square", n) for n in range(context.get_input()["n"])])
    return sum(squares)


@blueprint.orchestration_trigger(context_name="context")
def retried(context: df.DurableOrchestrationContext) -> Steps:
    arg = context.get_input()
    return (yield context.call_activity_with_retry("flaky", RETRY, arg))


@blueprint.orchestration_trigger(context_name="context")
def retried_side_by_side(context: df.DurableOrchestrationContext) -> Steps:
    arg = context.get_input()
    tasks = [
        context.call_activity_with_retry("flaky", RETRY, {"key": f"{arg['key']}-{n}", "failures": n}) for n in range(3)
    ]
    results = yield context.task_all([*tasks, context.call_activity("square", 7)])
    last = yield context.call_activity("square", 8)
    return [*results, last]


@blueprint.orchestration_trigger(context_name="context")
def catches(context: df.DurableOrchestrationContext) -> Steps:
    try:
        yield context.call_activity("fail", "no luck")
    except Exception as error:
        return str(error)


@blueprint.orchestration_trigger(context_name="context")
def fails(context: df.DurableOrchestrationContext) -> Steps:
    yield context.call_activity("greet", "x")
    raise ValueError("the orchestrator refuses")


@blueprint.orchestration_trigger(context_name="context")
def calls_unknown(context: df.DurableOrchestrationContext) -> Steps:
    kind = context.get_input()
    if kind == "activity":
        yield context.call_activity("missing", 1)
    elif kind == "orchestrator":
        yield context.call_sub_orchestrator("missing", 1)
    else:
        yield context.call_entity(df.EntityId("missing", "k"), "get")


@blueprint.orchestration_trigger(context_name="context")
def parent(context: df.DurableOrchestrationContext) -> Steps:
    arg = context.get_input()
    single = yield context.call_sub_orchestrator("chain")
    both = yield context.task_all(
        [context.call_sub_orchestrator("fan_out", {"n": n}, f"{context.instance_id}-{n}") for n in (2, 3)]
    )
    try:
        yield context.call_sub_orchestrator("fails")
        caught = None
    except Exception as error:
        caught = str(error)
    again = yield context.call_sub_orchestrator_with_retry("fails_at_first", RETRY, {"key": arg["key"], "failures": 1})
    return {"single": single, "both": both, "caught": caught, "again": again}


@blueprint.orchestration_trigger(context_name="context")
def fails_at_first(context: df.DurableOrchestrationContext) -> Steps:
    return (yield context.call_activity("flaky", context.get_input()))


@blueprint.orchestration_trigger(context_name="context")
def timer(context: df.DurableOrchestrationContext) -> Steps:
    began = context.current_utc_datetime
    yield context.create_timer(began + timedelta(seconds=context.get_input()["s"]))
    return (context.current_utc_datetime - began).total_seconds()


@blueprint.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Steps:
    approved = context.wait_for_external_event("approved")
    deadline = context.create_timer(context.current_utc_datetime + timedelta(seconds=context.get_input()["s"]))
    winner = yield context.task_any([approved, deadline])
    if winner == approved:
        deadline.cancel()
        return {"approved": approved.result}
    return {"approved": None}


@blueprint.orchestration_trigger(context_name="context")
def uses_entity(context: df.DurableOrchestrationContext) -> Steps:
    entity = df.EntityId("Counter", context.instance_id)
    context.signal_entity(entity, "add", {"n": 5})
    value = yield context.call_entity(entity, "add", {"n": 10})
    try:
        yield context.call_entity(entity, "fail")
        caught = None
    except Exception as error:
        caught = str(error)
    context.signal_entity(entity, "delete")
    after = yield context.call_entity(entity, "get")
    return {"value": value, "caught": caught, "after": after}


@blueprint.orchestration_trigger(context_name="context")
def entity_call(context: df.DurableOrchestrationContext) -> Steps:
    key, operation, value = context.get_input()
    return (yield context.call_entity(df.EntityId("Journal", key), operation, value))


@blueprint.orchestration_trigger(context_name="context")
def count_down(context: df.DurableOrchestrationContext) -> Steps:
    left = context.get_input()
    context.set_custom_status({"left": left})
    yield context.call_activity("square", left)
    if left > 0:
        context.continue_as_new(left - 1)
        return None
    return "lift-off"


@blueprint.orchestration_trigger(context_name="context")
def forgets_events(context: df.DurableOrchestrationContext) -> Steps:
    """Takes one of two events, continues as new, and waits for the other."""
    if context.get_input() == "again":
        late = context.wait_for_external_event("number")
        deadline = context.create_timer(context.current_utc_datetime + timedelta(seconds=1))
        winner = yield context.task_any([late, deadline])
        return late.result if winner == late else "forgotten"
    yield context.wait_for_external_event("go")
    context.continue_as_new("again")
    return None


@blueprint.orchestration_trigger(context_name="context")
def deterministic(context: df.DurableOrchestrationContext) -> Steps:
    before = [str(context.new_uuid()), str(context.new_guid()), context.current_utc_datetime.isoformat()]
    yield context.call_activity("greet", "x")
    trace(f"{context.instance_id} {before}")
    yield context.call_activity("greet", "y")
    after = [str(context.new_uuid()), str(context.new_guid())]
    return {"before": before, "different": not set(before) & set(after)}


@blueprint.orchestration_trigger(context_name="context")
def waits(context: df.DurableOrchestrationContext) -> Steps:
    """Collects as many events as its input says."""
    seen = []
    for _ in range(context.get_input()):
        seen.append((yield context.wait_for_external_event("number")))
        context.set_custom_status(len(seen))
    return seen


@blueprint.orchestration_trigger(context_name="context")
def changes_its_mind(context: df.DurableOrchestrationContext) -> Steps:
    """Is not deterministic: the second time it calls another activity first."""
    trace(f"mind {context.instance_id}")
    yield context.call_activity("greet" if count(f"mind {context.instance_id}") == 1 else "square", 1)
    yield context.call_activity("greet", "x")


@blueprint.orchestration_trigger(context_name="context")
def crashes_once(context: df.DurableOrchestrationContext) -> Steps:
    yield context.call_activity("greet", "x")
    trace(f"episode {context.instance_id}")
    if count(f"episode {context.instance_id}") == 1:
        os._exit(9)
    return "survived"


@blueprint.orchestration_trigger(context_name="context")
def one_activity(context: df.DurableOrchestrationContext) -> Steps:
    name, value = context.get_input()
    return (yield context.call_activity(name, value))


@blueprint.orchestration_trigger(context_name="context")
def many_slow(context: df.DurableOrchestrationContext) -> Steps:
    arg = context.get_input()
    tasks = [context.call_activity("slow", {"key": f"{arg['key']}-{n}", "s": arg["s"]}) for n in range(arg["n"])]
    return (yield context.task_all(tasks))


@blueprint.orchestration_trigger(context_name="context")
def http(context: df.DurableOrchestrationContext) -> Steps:
    method, uri, content = context.get_input()
    return (yield context.call_http(method, uri, content))


@blueprint.orchestration_trigger(context_name="context")
def versioned(context: df.DurableOrchestrationContext) -> Steps:
    yield context.call_activity("greet", "x")
    return context.version


@blueprint.orchestration_trigger(context_name="context")
def monitor(context: df.DurableOrchestrationContext) -> Steps:
    """Looks again and again until a job is done or the time is up, then says so."""
    arg = context.get_input()
    expires = context.current_utc_datetime + timedelta(seconds=arg["patience_s"])
    looks = 0
    while context.current_utc_datetime < expires:
        looks += 1
        state = yield context.call_activity("job_state", {"job": arg["job"], "done_after": arg["done_after"]})
        context.set_custom_status({"looks": looks, "state": state})
        if state == "done":
            return (yield context.call_activity("greet", arg["job"]))
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=arg["interval_s"]))
    return "gave up"


@blueprint.orchestration_trigger(context_name="context")
def verification(context: df.DurableOrchestrationContext) -> Steps:
    """Sends somebody a code, who has three tries and a little time to repeat it."""
    code = yield context.call_activity("send_code", context.get_input()["to"])
    deadline = context.create_timer(context.current_utc_datetime + timedelta(seconds=context.get_input()["s"]))
    for attempt in range(3):
        answer = context.wait_for_external_event("answer")
        winner = yield context.task_any([answer, deadline])
        if winner == deadline:
            return "too late"
        if json.loads(answer.result) == code:
            deadline.cancel()
            return "verified"
        context.set_custom_status(attempt + 1)
    deadline.cancel()
    return "wrong"
