"""Sessions with the official SDK."""

import time

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import OperationTimeoutError, ServiceBusError, SessionCannotBeLockedError

from tests.integration.service_bus.conftest import opened, take

QUEUE = "sessions"


def test_sessions_are_held_by_one_and_keep_their_state(client: ServiceBusClient) -> None:
    with opened(client.get_queue_sender(QUEUE), client.get_queue_receiver(QUEUE, session_id="A")) as (sender, first):
        for session_id, bodies in (("A", "02"), ("B", "13")):
            sender.send_messages([ServiceBusMessage(body, session_id=session_id) for body in bodies])
        assert sorted(client.list_queue_sessions(QUEUE)) == ["A", "B"]
        with pytest.raises(SessionCannotBeLockedError), client.get_queue_receiver(QUEUE, session_id="A"):
            pass

        with client.get_queue_receiver(QUEUE, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=2) as second:
            assert second.session.session_id == "B"
            assert second.session.get_state() is None
            for message in take(second, 2):
                second.complete_message(message)
            started = time.monotonic()
            waiting = client.get_queue_receiver(QUEUE, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1)
            with pytest.raises(OperationTimeoutError), waiting:
                pass
            assert time.monotonic() - started < 4

        first.session.set_state(b"state")
        assert first.session.get_state() == b"state"
        until = first.session.locked_until_utc
        assert until
        assert first.session.renew_lock() > until
        messages = take(first, 2)
        assert [(str(message), message.session_id) for message in messages] == [("0", "A"), ("2", "A")]
        first.defer_message(messages[0])
        (deferred,) = first.receive_deferred_messages(messages[0].sequence_number or 0)
        for message in (deferred, messages[1]):
            first.complete_message(message)

    assert list(client.list_queue_sessions(QUEUE)) == ["A"], "a state outlives the messages"
    with client.get_queue_receiver(QUEUE, session_id="A") as again:
        assert again.session.get_state() == b"state"
        again.session.set_state(None)


def test_a_session_queue_takes_no_message_without_a_session(client: ServiceBusClient) -> None:
    with client.get_queue_sender(QUEUE) as sender, pytest.raises(ServiceBusError, match="SessionId was not set"):
        sender.send_messages(ServiceBusMessage("x"))
