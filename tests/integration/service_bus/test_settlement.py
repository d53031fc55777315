"""Settling with the official SDK: complete, abandon, defer, dead-letter, renew, and what a lost lock does."""

import pytest
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import MessageLockLostError, ServiceBusError

from local.service_bus.amqp_types import Described
from local.service_bus.encode import uint
from local.service_bus.performatives import DISPOSITION, MODIFIED, TRANSFER, frame
from tests.integration.service_bus.conftest import Links, take
from tests.support.amqp import RawClient, attach_receiver, flow
from tests.support.service_bus import ServiceBusEmulator


def test_abandoned_messages_come_back_counted_until_they_are_dead_lettered(work: Links) -> None:
    work.sender.send_messages(ServiceBusMessage("a", application_properties={"k": 5}))
    for count in range(3):
        (message,) = work.take()
        assert message.delivery_count == count
        work.receiver.abandon_message(message)

    assert work.is_empty()
    (dead,) = take(work.dead_letters, 1)
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert dead.dead_letter_error_description
    assert dead.application_properties
    assert dead.application_properties[b"k"] == 5
    work.dead_letters.complete_message(dead)


def test_dead_lettering_with_a_reason(client: ServiceBusClient, work: Links) -> None:
    work.sender.send_messages(ServiceBusMessage("a"))
    (message,) = work.take()
    work.receiver.dead_letter_message(message, reason="why", error_description="what happened")

    with client.get_queue_receiver("work", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        assert [str(peeked) for peeked in receiver.peek_messages(5)] == ["a"]
        (dead,) = take(receiver, 1)
        assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("why", "what happened")
        receiver.complete_message(dead)


def test_dead_lettering_without_a_reason(work: Links) -> None:
    work.sender.send_messages(ServiceBusMessage("a"))
    work.receiver.dead_letter_message(work.take()[0])

    (dead,) = take(work.dead_letters, 1)
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == (None, None)
    work.dead_letters.complete_message(dead)


def test_deferred_messages_are_received_by_number(work: Links) -> None:
    work.sender.send_messages(ServiceBusMessage("later"))
    (message,) = work.take()
    number = message.sequence_number
    assert number
    work.receiver.defer_message(message)
    assert work.is_empty()
    assert work.receiver.peek_messages(1, sequence_number=number)[0].state == ServiceBusMessageState.DEFERRED

    (deferred,) = work.receiver.receive_deferred_messages(number)
    assert str(deferred) == "later"
    work.receiver.abandon_message(deferred)
    (again,) = work.receiver.receive_deferred_messages([number])
    work.receiver.complete_message(again)

    with pytest.raises(ServiceBusError, match="message-not-found"):
        work.receiver.receive_deferred_messages(number)


def test_the_service_refuses_what_it_no_longer_has_locked(work: Links) -> None:
    work.sender.send_messages(ServiceBusMessage("a"))
    (message,) = work.take()
    number = message.sequence_number or 0
    work.receiver.defer_message(message)
    message._settled = False  # type: ignore[attr-defined]

    with pytest.raises(MessageLockLostError):
        work.receiver.renew_message_lock(message)
    for settle in (work.receiver.complete_message, work.receiver.abandon_message, work.receiver.dead_letter_message):
        # The delivery is unknown to the link by now, so the SDK turns to the management node.
        with pytest.raises(MessageLockLostError):
            settle(message)

    work.receiver.complete_message(work.receiver.receive_deferred_messages(number)[0])


def test_abandoning_with_properties(bus: ServiceBusEmulator, work: Links) -> None:
    """.NET and JavaScript can do this, the Python SDK can't: hence by hand."""
    work.sender.send_messages(ServiceBusMessage("a", application_properties={"kept": 1}))
    with RawClient(bus.port) as raw:
        raw.send(attach_receiver("work"), flow(1, 1))
        delivery_id = raw.expect(TRANSFER)[1][1]
        state = Described(MODIFIED, [True, False, {"attempt": 2, "kept": 3}])
        raw.send(frame(1, DISPOSITION, [True, uint(delivery_id), None, False, state]))
        assert raw.expect(DISPOSITION)[1][4] == Described(MODIFIED, [])

        (message,) = work.take()

    assert message.application_properties == {b"attempt": 2, b"kept": 3}
    assert message.delivery_count == 1
    work.receiver.complete_message(message)
