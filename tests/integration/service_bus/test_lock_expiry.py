"""Locks that end: 5 seconds is the shortest that the service allows, so both kinds are waited for at once."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
)
from azure.servicebus.exceptions import MessageLockLostError, ServiceBusError

from tests.integration.service_bus.conftest import opened, take

FAR_FUTURE = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def believe_locked(message: ServiceBusReceivedMessage) -> None:
    """Switch off the SDK's own look at the clock: here the service must refuse."""
    message._expiry = FAR_FUTURE  # type: ignore[attr-defined]


def message_locks(client: ServiceBusClient) -> None:
    with opened(client.get_queue_sender("short"), client.get_queue_receiver("short")) as (sender, receiver):
        sender.send_messages([ServiceBusMessage(name) for name in ("renewed", "lost")])
        renewed, lost = take(receiver, 2)
        until = lost.locked_until_utc
        assert until
        assert receiver.renew_message_lock(renewed) > until

        back: list[ServiceBusReceivedMessage] = []
        while not back:
            back = receiver.receive_messages(1, max_wait_time=0.5)
            assert receiver.renew_message_lock(renewed) > until

        assert [(str(message), message.delivery_count) for message in back] == [("lost", 1)]
        assert dt.datetime.now(dt.UTC) >= until
        believe_locked(lost)
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(lost)
        with pytest.raises(MessageLockLostError):
            receiver.renew_message_lock(lost)
        for message in (renewed, *back):
            receiver.complete_message(message)
        assert receiver.peek_messages(5, sequence_number=1) == []


def session_locks(client: ServiceBusClient) -> None:
    queue = "short-sessions"
    with opened(client.get_queue_sender(queue), client.get_queue_receiver(queue, session_id="s")) as (sender, slow):
        sender.send_messages(ServiceBusMessage("x", session_id="s"))
        (message,) = take(slow, 1)
        with client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=10) as successor:
            (again,) = take(successor, 1)
            assert (str(again), again.delivery_count) == ("x", 1)
            with pytest.raises(ServiceBusError, match="lock"):
                slow.complete_message(message)
            with pytest.raises(ServiceBusError, match="lock"):
                slow.session.renew_lock()
            successor.complete_message(again)


def test_locks_end_unless_they_are_renewed(client: ServiceBusClient) -> None:
    with ThreadPoolExecutor(2) as pool:
        for scenario in [pool.submit(run, client) for run in (message_locks, session_locks)]:
            scenario.result()
