"""Runs audio jobs: FFmpeg here, the calls in an orchestration (functions/steps.py)."""

import azure.durable_functions as df
import azure.functions as func

from shared.config import audio_queues

bp = df.Blueprint()


@bp.function_name("audio_prepare")
@bp.service_bus_queue_trigger(
    arg_name="message",
    queue_name=audio_queues().run,
    connection="ServiceBusConnection",
    data_type=func.DataType.BINARY,
)
@bp.durable_client_input(client_name="client")
async def audio_prepare(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
    """Split one file into chunks, then start the orchestration of its job."""
    from functions.steps import start_steps
    from shared.bootstrap.start import services_for_message
    from shared.messages import RunTicket

    if (record := await (await services_for_message()).jobs.begin(RunTicket.decode(message.get_body()))) is not None:
        await start_steps(client, record)
