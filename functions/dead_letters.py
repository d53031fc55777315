"""Reconciles dead-lettered messages with the job store, so that no job is left without an end."""

import azure.durable_functions as df
import azure.functions as func

from shared.config import Queues, all_queues

bp = df.Blueprint()


def _register(kind: str, queues: Queues) -> None:
    @bp.function_name(f"{kind}_intake_dead_letter")
    @bp.service_bus_queue_trigger(
        arg_name="message",
        queue_name=f"{queues.inbox}/$DeadLetterQueue",
        connection="ServiceBusConnection",
        data_type=func.DataType.BINARY,
    )
    @bp.durable_client_input(client_name="client")
    async def intake_dead_letter(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
        """A message that was not taken in is tried again, or becomes a failed job with its original body."""
        from functions.decode import dead_letter_reason, delivery
        from functions.waking import wake_pump
        from shared.bootstrap.start import services_for_message

        found = await services_for_message()
        lined_up = await found.intake.accept(kind, [delivery(message)], dead_letter=dead_letter_reason(message))
        if lined_up and kind not in found.jobs.kinds:
            await wake_pump(client, found.chat)

    @bp.function_name(f"{kind}_run_dead_letter")
    @bp.service_bus_queue_trigger(
        arg_name="message",
        queue_name=f"{queues.run}/$DeadLetterQueue",
        connection="ServiceBusConnection",
        data_type=func.DataType.BINARY,
    )
    @bp.durable_client_input(client_name="client")
    async def run_dead_letter(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
        """A job whose run message was given up goes on, or ends as failed."""
        from functions.decode import dead_letter_reason, delivery
        from functions.waking import wake_pump
        from shared.bootstrap.start import services_for_message

        found = await services_for_message()
        lined_up = await found.failed_jobs.reconcile(kind, delivery(message), dead_letter_reason(message))
        if lined_up and kind not in found.jobs.kinds:
            await wake_pump(client, found.chat)


for _kind, _queues in all_queues().items():
    _register(_kind, _queues)
