"""Takes jobs in from the in queues.

One message a call, not a batch: in a batch the host leaves missing correlation ids and reply addresses out of their
arrays, so that those of the other messages move up to the wrong places. Sends are gathered in the process anyway.
"""

import azure.durable_functions as df
import azure.functions as func

from shared.config import Queues, all_queues

bp = df.Blueprint()


def _register(kind: str, queues: Queues) -> None:
    # BINARY: a body need not be text, and the host must not read properties of the message from it.
    @bp.function_name(f"{kind}_intake")
    @bp.service_bus_queue_trigger(
        arg_name="message",
        queue_name=queues.inbox,
        connection="ServiceBusConnection",
        data_type=func.DataType.BINARY,
    )
    @bp.durable_client_input(client_name="client")
    async def intake(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
        """Store a job and, if it is valid, line it up."""
        from functions.decode import delivery
        from functions.waking import wake_pump
        from shared.bootstrap.start import services_for_message

        found = await services_for_message()
        if await found.intake.accept(kind, [delivery(message)]) and kind not in found.jobs.kinds:
            await wake_pump(client, found.chat)


for _kind, _queues in all_queues().items():
    _register(_kind, _queues)
