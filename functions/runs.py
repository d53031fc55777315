"""Gives runs their turns (shared/runs/conductor.py)."""

import azure.durable_functions as df
import azure.functions as func

from shared.config import sweep_schedule, turns_queue

bp = df.Blueprint()


@bp.function_name("run_turn")
@bp.service_bus_queue_trigger(
    arg_name="message",
    queue_name=turns_queue(),
    connection="ServiceBusConnection",
    data_type=func.DataType.BINARY,
)
@bp.durable_client_input(client_name="client")
async def run_turn(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
    """One turn of one run; the next comes as a message of its own, when it is due."""
    from functions.waking import wake_pump
    from shared.bootstrap import services
    from shared.runs.rows import Turn

    found = await services()
    turn = Turn.decode(message.get_body())
    turned = await found.runs.conductor.turn(turn.run, turn.turn)
    if turned.pause_s is not None:
        await found.runs.control.next_turn(turn.run, turned.turn, turned.pause_s)
    if turned.waits:
        await wake_pump(client, found.chat)


@bp.timer_trigger(arg_name="timer", schedule=sweep_schedule())
async def run_sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Find runs whose turn was lost."""
    from shared.bootstrap import services

    await (await services()).runs.control.sweep()
