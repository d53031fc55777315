"""The Service Bus output binding. What the function gave isn't what is sent: the host reads texts again.

FunctionBinding.ReadAsEnumerable and BindAsyncCollectorAsync of azure-functions-host do this, with Newtonsoft.Json:

- a text that begins and ends like a JSON array becomes one message for each of its items;
- a text that begins and ends like a JSON object is read and written again, indented, its dates normalised;
- if such a text isn't valid JSON the call fails; any other text is sent as it is;
- bytes become the text "System.Byte[]".

Messages have the content type text/plain and no other properties. They are sent one after the other: when one fails,
those before it are out, and the message that triggered the function comes again. Use the SDK where that matters.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError, ServiceBusError

from local.host import binding_expressions, newtonsoft
from local.host.bindings import BindingError
from local.host.connections import service_bus_client
from local.host.contracts import Datum, FunctionFailedError
from local.host.outage import explain

SEND_RETRIES = 3
"""Tries again after a failed one: ServiceBusRetryOptions.MaxRetries of the .NET client."""

_log = logging.getLogger(__name__)


class ServiceBusOutput:
    """Sends values of `serviceBus` bindings. Keeps one sender an entity, used for one message at a time.

    Args:
        settings: all app settings, for the bindings' `connection`.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._clients: dict[str, ServiceBusClient] = {}
        self._senders: dict[tuple[str, str], tuple[ServiceBusSender, asyncio.Lock]] = {}

    async def send(self, binding: Mapping[str, Any], value: Datum, metadata: Mapping[str, Datum]) -> None:
        """Send a value to the binding's queueName or topicName; placeholders are filled in from the metadata.

        Raises:
            FunctionFailedError: not everything was sent; the text says why.
        """
        name = binding.get("name")
        try:
            entity = binding.get("queueName") or binding.get("topicName") or ""
            entity = binding_expressions.parse(entity).resolve(binding_expressions.values_of(metadata))
            texts = message_texts(value)
            sender, turn = self._sender(str(binding.get("connection") or ""), entity)
        except (ValueError, BindingError) as error:
            raise FunctionFailedError(f"output '{name}' can't be sent: {error}") from error
        if value.kind == "bytes":
            _log.warning("output '%s' is bytes: like the real host, sends the text 'System.Byte[]' instead", name)
        for text in texts:
            try:
                async with turn:
                    await sender.send_messages(ServiceBusMessage(text, content_type="text/plain"))
            except MessageSizeExceededError as error:
                size = len(text.encode("utf-8"))
                raise FunctionFailedError(
                    f"output '{name}': a message of {size} bytes is too large for '{entity}'"
                ) from error
            except (ServiceBusError, OSError, ValueError) as error:
                raise FunctionFailedError(f"output '{name}' to '{entity}': {explain(error)}") from error

    async def close(self) -> None:
        """Close all connections."""
        senders, clients = list(self._senders.values()), list(self._clients.values())
        self._senders, self._clients = {}, {}
        # The SDK takes a second for each, and a client closes its senders one after the other.
        await asyncio.gather(*(sender.close() for sender, _ in senders))
        await asyncio.gather(*(client.close() for client in clients))

    def _sender(self, connection: str, entity: str) -> tuple[ServiceBusSender, asyncio.Lock]:
        key = (connection, entity)
        if key not in self._senders:
            if not entity:
                raise BindingError("the binding needs queueName or topicName")
            if connection not in self._clients:
                self._clients[connection] = service_bus_client(self._settings, connection, retries=SEND_RETRIES)
            # Topics are addressed like queues.
            self._senders[key] = self._clients[connection].get_queue_sender(entity), asyncio.Lock()
        return self._senders[key]


def message_texts(value: Datum) -> list[str]:
    """The bodies of the messages that the real host makes from an output value.

    Raises:
        ValueError: a text that begins and ends like JSON isn't.
    """
    if value.kind == "bytes":
        return ["System.Byte[]"]
    content = newtonsoft.parse(value.value, dates=False) if value.kind == "json" else value.value
    if isinstance(content, str) and newtonsoft.is_json(content):
        try:
            content = newtonsoft.parse(content)
        except ValueError as error:
            raise ValueError(f"it begins and ends like JSON, so the host reads it as JSON: {error}") from error
    if content is None:
        return []
    items = content if isinstance(content, list) else [content]
    return [newtonsoft.to_string(item) for item in items]
