"""From the types of the Functions library to ours."""

from contextlib import AbstractContextManager
from dataclasses import replace

import azure.functions as func

from shared.jobs.intake import Delivery
from shared.messages import Envelope
from shared.telemetry.messaging import processing
from shared.telemetry.tracing import Span


def processed(message: func.ServiceBusMessage, queue: str) -> AbstractContextManager[Span]:
    """A span for what a message brings about, in the trace that it comes with."""
    properties = message.application_properties or {}
    return processing(
        queue,
        message.message_id,
        Envelope.traceparent_of(properties),
        delivery_count=message.delivery_count or 1,
        correlation_id=message.correlation_id,
    )


def delivery(message: func.ServiceBusMessage, span: Span) -> Delivery:
    """A message from an in queue.

    Args:
        span: of its processing, in which the job's trace goes on.
    """
    envelope = Envelope.from_message(
        message.message_id,
        message.application_properties or {},
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
    )
    envelope = replace(envelope, traceparent=span.traceparent)
    return Delivery(envelope, message.get_body(), message.delivery_count or 1)


def dead_letter_reason(message: func.ServiceBusMessage) -> str:
    """Why Service Bus dead-lettered a message: the host gives it as an application property."""
    properties = message.application_properties or {}
    return str(properties.get("DeadLetterReason") or "no reason given")
