"""Receiving at once: what becomes of a call that is to be cancelled when the connection is lost."""

import asyncio
from typing import Any

import pytest
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusConnectionError

from local.host.service_bus_receiver import PromptReceiver
from tests.support.service_bus import configuration, service_bus

WAIT_S = 30.0


async def test_an_interrupt_while_a_lost_connection_is_closed_does_not_hide_the_loss() -> None:
    received: list[ServiceBusReceivedMessage] = []
    interrupt = asyncio.Event()
    with service_bus(configuration({"q": {}})) as emulator:
        client = ServiceBusClient.from_connection_string(emulator.connection_string, retry_total=0)
        async with client, client.get_queue_receiver("q") as receiver:
            handler: Any = receiver._handler
            end_session = handler._session.end

            async def interrupted_end(**options: Any) -> None:
                interrupt.set()
                for _ in range(10):  # turns of the event loop, enough for the interrupt to do what it does
                    await asyncio.sleep(0)
                await end_session(**options)

            handler._session.end = interrupted_end
            receiving = asyncio.create_task(PromptReceiver(receiver).receive(1, received.append, interrupt, WAIT_S))
            emulator.kill()
            with pytest.raises(ServiceBusConnectionError):
                await receiving
            assert interrupt.is_set()
    assert received == []
