"""Takes jobs in from the in queues."""

import typing

import azure.functions as func

from shared.config import feedback_queues

bp = func.Blueprint()


# typing.List: the worker library doesn't recognise list[...] as a batch. BINARY: a body need not be text.
@bp.function_name("feedback_intake")
@bp.service_bus_queue_trigger(
    arg_name="messages",
    queue_name=feedback_queues().inbox,
    connection="ServiceBusConnection",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
async def feedback_intake(messages: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006
    """Store a batch of feedback jobs and pass the valid ones on."""
    from functions.decode import delivery
    from shared.bootstrap import services

    await (await services()).intake.accept("feedback", [delivery(m) for m in messages])
