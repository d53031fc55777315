"""Entities."""

import os
import time

import azure.durable_functions as df
from activities import count, trace

blueprint = df.Blueprint()


@blueprint.entity_trigger(context_name="context", entity_name="Counter")
def counter(context: df.DurableEntityContext) -> None:
    value = context.get_state(lambda: 0)
    match context.operation_name:
        case "add":
            value += context.get_input()["n"]
            context.set_state(value)
            context.set_result(value)
        case "get":
            context.set_result(value)
        case "fail":
            raise ValueError("the entity refuses")
        case "delete":
            context.destruct_on_exit()


@blueprint.entity_trigger(context_name="context")
def journal(context: df.DurableEntityContext) -> None:
    """Keeps what it was told, and how it was called, in the trace file."""
    kept = context.get_state(list)
    operation = context.operation_name
    if operation == "write":
        kept.append(context.get_input()["n"])
        context.set_state(kept)
        context.set_result(len(kept))
    elif operation == "slow":
        trace(f"journal {context.entity_key} begins")
        time.sleep(context.get_input()["s"])
        trace(f"journal {context.entity_key} ends")
        context.set_result("slow")
    elif operation == "crash":
        trace(f"journal {context.entity_key} crash")
        if count(f"journal {context.entity_key} crash") == 1:
            os._exit(8)
        context.set_state(["after the crash"])
        context.set_result("survived")
