"""Runs feedback jobs."""

import azure.durable_functions as df
import azure.functions as func

from shared.config import feedback_queues

bp = df.Blueprint()


@bp.function_name("feedback_run")
@bp.service_bus_queue_trigger(
    arg_name="message",
    queue_name=feedback_queues().run,
    connection="ServiceBusConnection",
    data_type=func.DataType.BINARY,
)
@bp.durable_client_input(client_name="client")
async def feedback_run(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
    """Make one attempt of one feedback job."""
    from functions.waking import tell_throttled, wake_pump
    from shared.bootstrap.start import services_for_message
    from shared.messages import RunTicket

    found = await services_for_message()
    ran = await found.runner.run(RunTicket.decode(message.get_body()))
    if ran.throttled is not None:
        await tell_throttled(client, found.chat, *ran.throttled)
    if ran.waits:
        await wake_pump(client, found.chat)
