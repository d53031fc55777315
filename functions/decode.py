"""From the types of the Functions library to ours."""

import azure.functions as func

from shared.jobs.intake import Delivery
from shared.messages import Envelope


def delivery(message: func.ServiceBusMessage) -> Delivery:
    """A message from an in queue."""
    envelope = Envelope.from_message(
        message.message_id,
        message.application_properties or {},
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
    )
    return Delivery(envelope, message.get_body(), message.delivery_count or 1)


def dead_letter_reason(message: func.ServiceBusMessage) -> str:
    """Why Service Bus dead-lettered a message: the host gives it as an application property."""
    properties = message.application_properties or {}
    return str(properties.get("DeadLetterReason") or "no reason given")
