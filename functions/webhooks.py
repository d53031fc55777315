"""Calls webhooks of jobs that have ended."""

import azure.durable_functions as df
import azure.functions as func

from shared.config import webhook_queue

bp = df.Blueprint()


@bp.function_name("webhook_deliver")
@bp.service_bus_queue_trigger(
    arg_name="message",
    queue_name=webhook_queue(),
    connection="ServiceBusConnection",
    data_type=func.DataType.BINARY,
)
async def webhook_deliver(message: func.ServiceBusMessage) -> None:
    """Tell one outcome to the address that its submission named."""
    from shared.bootstrap.http import apis
    from shared.jobs.webhook_ticket import WebhookTicket

    await (await apis()).webhooks.deliver(WebhookTicket.decode(message.get_body()))
