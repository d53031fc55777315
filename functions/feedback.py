"""Runs feedback jobs."""

import azure.functions as func

from shared.config import feedback_queues

bp = func.Blueprint()


@bp.function_name("feedback_run")
@bp.service_bus_queue_trigger(
    arg_name="message",
    queue_name=feedback_queues().run,
    connection="ServiceBusConnection",
    data_type=func.DataType.BINARY,
)
async def feedback_run(message: func.ServiceBusMessage) -> None:
    """Make one attempt of one feedback job."""
    from shared.bootstrap import services
    from shared.messages import RunTicket

    await (await services()).runner.run(RunTicket.decode(message.get_body()))
