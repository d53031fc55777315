"""Reconciles dead-lettered messages with the job store, so that no job is left without an end."""

import azure.durable_functions as df
import azure.functions as func

from shared.config import feedback_queues

bp = df.Blueprint()


@bp.function_name("feedback_intake_dead_letter")
@bp.service_bus_queue_trigger(
    arg_name="message",
    queue_name=f"{feedback_queues().inbox}/$DeadLetterQueue",
    connection="ServiceBusConnection",
    data_type=func.DataType.BINARY,
)
@bp.durable_client_input(client_name="client")
async def feedback_intake_dead_letter(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
    """A message that was not taken in is tried again, or becomes a failed job with its original body."""
    from functions.decode import dead_letter_reason, delivery
    from functions.waking import wake_pump
    from shared.bootstrap import services

    found = await services()
    if await found.intake.accept("feedback", [delivery(message)], dead_letter=dead_letter_reason(message)):
        await wake_pump(client, found)


@bp.function_name("feedback_run_dead_letter")
@bp.service_bus_queue_trigger(
    arg_name="message",
    queue_name=f"{feedback_queues().run}/$DeadLetterQueue",
    connection="ServiceBusConnection",
    data_type=func.DataType.BINARY,
)
@bp.durable_client_input(client_name="client")
async def feedback_run_dead_letter(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
    """A job whose run message was given up goes on, or ends as failed."""
    from functions.decode import dead_letter_reason, delivery
    from functions.waking import wake_pump
    from shared.bootstrap import services

    found = await services()
    if await found.failed_jobs.reconcile("feedback", delivery(message), dead_letter_reason(message)):
        await wake_pump(client, found)
