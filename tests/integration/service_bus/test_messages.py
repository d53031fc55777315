"""Sending and receiving with the official SDK."""

import datetime as dt
import uuid

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import MessageSizeExceededError

from tests.integration.service_bus.conftest import Links, take


def test_everything_that_a_message_carries_arrives(work: Links) -> None:
    properties = {"n": 1, "text": "x", "flag": True, "ratio": 1.5, "id": uuid.UUID(int=7)}
    work.sender.send_messages(
        ServiceBusMessage(
            "héllo",
            application_properties=dict(properties),
            message_id="mid",
            correlation_id="cid",
            subject="sub",
            content_type="application/json",
            to="dest",
            reply_to="back",
            time_to_live=dt.timedelta(minutes=5),
        )
    )

    (message,) = work.take()

    assert str(message) == "héllo"
    assert message.application_properties == {
        key.encode(): value.encode() if isinstance(value, str) else value for key, value in properties.items()
    }
    assert (message.message_id, message.correlation_id, message.subject) == ("mid", "cid", "sub")
    assert (message.content_type, message.to, message.reply_to) == ("application/json", "dest", "back")
    assert message.time_to_live == dt.timedelta(minutes=5)
    assert message.delivery_count == 0
    assert message.sequence_number
    assert message.enqueued_time_utc
    assert message.locked_until_utc
    assert abs(message.enqueued_time_utc - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)
    assert dt.timedelta(seconds=25) < message.locked_until_utc - message.enqueued_time_utc < dt.timedelta(seconds=35)
    work.receiver.complete_message(message)


def test_value_and_sequence_bodies_arrive(work: Links) -> None:
    work.sender.send_messages(AmqpAnnotatedMessage(value_body={b"k": [1, b"two"]}))
    work.sender.send_messages(AmqpAnnotatedMessage(sequence_body=[[1, 2]]))

    value, sequence = work.take(2)

    assert value.body == {b"k": [1, b"two"]}
    assert list(sequence.body) == [[1, 2]]
    for message in (value, sequence):
        work.receiver.complete_message(message)


def test_batches_keep_their_order(work: Links) -> None:
    batch = work.sender.create_message_batch()
    for n in range(50):
        batch.add_message(ServiceBusMessage(f"b{n}", message_id=str(n)))
    work.sender.send_messages(batch)
    work.sender.send_messages([ServiceBusMessage("x"), ServiceBusMessage("y")])

    messages = work.take(52)

    assert [str(message) for message in messages] == [*(f"b{n}" for n in range(50)), "x", "y"]
    for message in messages:
        work.receiver.complete_message(message)


def test_a_large_message_arrives_whole(work: Links) -> None:
    body = bytes(range(256)) * 1000
    work.sender.send_messages(ServiceBusMessage(body))

    (message,) = work.take()

    assert b"".join(message.body) == body
    work.receiver.complete_message(message)


def test_a_message_over_256_kb_is_refused(work: Links) -> None:
    with pytest.raises(MessageSizeExceededError):
        work.sender.send_messages(ServiceBusMessage(bytes(256 * 1024)))

    batch = work.sender.create_message_batch()
    assert batch.max_size_in_bytes == 256 * 1024
    with pytest.raises(MessageSizeExceededError):
        batch.add_message(ServiceBusMessage(bytes(256 * 1024)))


def test_peek_pages_through_without_locking(work: Links) -> None:
    work.sender.send_messages([ServiceBusMessage(str(n)) for n in range(300)])

    first = work.receiver.peek_messages(1000, sequence_number=1)
    assert [str(message) for message in first] == [str(n) for n in range(250)], "the service returns 250 at most"
    rest = work.receiver.peek_messages(1000, sequence_number=(first[-1].sequence_number or 0) + 1)
    assert [str(message) for message in rest] == [str(n) for n in range(250, 300)]

    for message in work.take(300):
        assert message.delivery_count == 0
        work.receiver.complete_message(message)


def test_receive_and_delete(client: ServiceBusClient, work: Links) -> None:
    work.sender.send_messages([ServiceBusMessage("a"), ServiceBusMessage("b")])
    with client.get_queue_receiver("work", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as receiver:
        assert [str(message) for message in take(receiver, 2)] == ["a", "b"]


def test_iterating_with_prefetch(client: ServiceBusClient, work: Links) -> None:
    work.sender.send_messages([ServiceBusMessage(str(n)) for n in range(30)])
    received = []
    with client.get_queue_receiver("work", max_wait_time=0.5, prefetch_count=10) as receiver:
        for message in receiver:
            received.append(str(message))
            receiver.complete_message(message)

    assert received == [str(n) for n in range(30)]


def test_what_was_prefetched_comes_back_uncounted_when_the_receiver_closes(
    client: ServiceBusClient, work: Links
) -> None:
    work.sender.send_messages([ServiceBusMessage(str(n)) for n in range(6)])
    with client.get_queue_receiver("work", prefetch_count=6) as receiver:
        receiver.complete_message(take(receiver, 1)[0])

    rest = work.take(5)

    assert sorted((str(message), message.delivery_count) for message in rest) == [(str(n), 0) for n in range(1, 6)]
    for message in rest:
        work.receiver.complete_message(message)
