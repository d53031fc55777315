"""An orchestration that does what its input says, for random tests.

A plan is a list of steps, done one after the other. A step is an object whose "do" names it:

    activity   {"value": n}                           the activity `plan_double`
    retry      {"key": k, "failures": n, "attempts": m}   `plan_flaky`, which fails n times; with n >= m it always does
    sub        {"steps": plan}                        a sub-orchestration
    timer      {"s": seconds}
    entity     {"key": k, "n": n}                     call an entity; {"signal": true} only signals it
    event      {"name": unique}                       wait for an external event
    all        {"of": [step...]}                      all at once; not for signals
    first      {"of": step}                           the step against a timer that is much too long

The result is made so that it doesn't depend on chance: on the order of things, or on how often an activity was run.
"""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

blueprint = df.Blueprint()
TOO_LONG_S = 5_000_000  # 58 days: more than a short timer may last


def interpret(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Do the steps; with "rounds" in the input, as often, continuing as new."""
    arg = context.get_input()
    results = list(arg.get("results", []))
    for step in arg["steps"]:
        try:
            results.append((yield from _do(context, step)))
        except Exception as error:
            results.append(f"failed: {str(error).split(' ', 3)[:3]}")
    if arg.get("rounds", 1) > 1:
        context.continue_as_new({**arg, "rounds": arg["rounds"] - 1, "results": results})
        return None
    return results


def _do(context: df.DurableOrchestrationContext, step: dict) -> Generator[Any, Any, Any]:
    if step.get("signal"):
        context.signal_entity(df.EntityId("plan_sum", step["key"]), "add", {"n": step["n"]})
        return "signalled"
    if step["do"] == "first":
        task = _task(context, step["of"])
        too_long = context.create_timer(context.current_utc_datetime + timedelta(seconds=TOO_LONG_S))
        winner = yield context.task_any([task, too_long])
        too_long.cancel()
        return "first" if winner == task else "the timer"
    result = yield _task(context, step)
    return "added" if step["do"] == "entity" else result


def _task(context: df.DurableOrchestrationContext, step: dict) -> Any:
    match step["do"]:
        case "activity":
            return context.call_activity("plan_double", step["value"])
        case "retry":
            return context.call_activity_with_retry("plan_flaky", df.RetryOptions(1000, step["attempts"]), step)
        case "sub":
            return context.call_sub_orchestrator("plan", {"steps": step["steps"]})
        case "timer":
            return context.create_timer(context.current_utc_datetime + timedelta(seconds=step["s"]))
        case "entity":
            return context.call_entity(df.EntityId("plan_sum", step["key"]), "add", {"n": step["n"]})
        case "event":
            return context.wait_for_external_event(step["name"])
        case "all":
            return context.task_all([_task(context, inner) for inner in step["of"]])
    raise ValueError(step["do"])


def double(value: int) -> int:
    return value * 2


def add(context: df.DurableEntityContext) -> None:
    """Adds up. What is added is known to the test, so every addition must take effect once."""
    total = context.get_state(lambda: 0) + context.get_input()["n"]
    context.set_state(total)
    context.set_result("added")


plan = blueprint.orchestration_trigger(context_name="context", orchestration="plan")(interpret)
plan_double = blueprint.activity_trigger(input_name="value", activity="plan_double")(double)
plan_sum = blueprint.entity_trigger(context_name="context", entity_name="plan_sum")(add)
