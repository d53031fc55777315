"""Takes jobs in from the in queues.

One message a call, not a batch: in a batch the host leaves missing correlation ids and reply addresses out of their
arrays, so that those of the other messages move up to the wrong places. Sends are gathered in the process anyway.
"""

import azure.functions as func

from shared.config import feedback_queues

bp = func.Blueprint()


# BINARY: a body need not be text, and the host must not read properties of the message from it.
@bp.function_name("feedback_intake")
@bp.service_bus_queue_trigger(
    arg_name="message",
    queue_name=feedback_queues().inbox,
    connection="ServiceBusConnection",
    data_type=func.DataType.BINARY,
)
async def feedback_intake(message: func.ServiceBusMessage) -> None:
    """Store a feedback job and, if it is valid, pass it on."""
    from functions.decode import delivery
    from shared.bootstrap import services

    await (await services()).intake.accept("feedback", [delivery(message)])
