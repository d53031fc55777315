"""What happens by itself with time: schedules, duplicates, expiry."""

import datetime as dt
import uuid

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusMessageState, ServiceBusSubQueue
from azure.servicebus.exceptions import MessageNotFoundError

from tests.integration.service_bus.conftest import Links, opened, take


def soon(seconds: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)


def test_scheduled_messages_come_at_their_time(work: Links) -> None:
    at = soon(1.5)
    numbers = work.sender.schedule_messages([ServiceBusMessage("1"), ServiceBusMessage("2")], at)
    work.sender.send_messages(ServiceBusMessage("3", scheduled_enqueue_time_utc=at))
    (cancelled,) = work.sender.schedule_messages(ServiceBusMessage("cancelled"), at)
    work.sender.cancel_scheduled_messages(cancelled)

    waiting = work.receiver.peek_messages(5, sequence_number=1)
    assert [(str(message), message.state) for message in waiting] == [
        (body, ServiceBusMessageState.SCHEDULED) for body in "123"
    ]
    messages = work.take(3)

    assert dt.datetime.now(dt.UTC) >= at
    assert [str(message) for message in messages] == ["1", "2", "3"]
    assert {message.enqueued_sequence_number for message in messages} >= set(numbers)
    assert not {message.sequence_number for message in messages} & set(numbers)
    assert messages[0].scheduled_enqueue_time_utc
    for message in messages:
        work.receiver.complete_message(message)
    with pytest.raises(MessageNotFoundError):
        work.sender.cancel_scheduled_messages(numbers)


def test_duplicates_are_dropped_scheduled_or_not(client: ServiceBusClient) -> None:
    identifier = str(uuid.uuid4())
    with opened(client.get_queue_sender("detecting"), client.get_queue_receiver("detecting")) as (sender, receiver):
        (number,) = sender.schedule_messages(ServiceBusMessage("first", message_id=identifier), soon(0.5))
        assert number
        sender.send_messages([ServiceBusMessage("copy", message_id=identifier)] * 2)
        sender.schedule_messages(ServiceBusMessage("copy", message_id=identifier), soon(0.5))
        sender.send_messages(ServiceBusMessage("other", message_id=str(uuid.uuid4())))

        messages = take(receiver, 2)

        assert sorted(str(message) for message in messages) == ["first", "other"]
        for message in messages:
            receiver.complete_message(message)
        sender.send_messages(ServiceBusMessage("copy", message_id=identifier))
        assert receiver.peek_messages(5, sequence_number=1) == []


def test_expired_messages_become_dead_letters(client: ServiceBusClient) -> None:
    with opened(
        client.get_queue_sender("expiring"),
        client.get_queue_receiver("expiring", sub_queue=ServiceBusSubQueue.DEAD_LETTER),
    ) as (sender, dead_letters):
        sender.send_messages(ServiceBusMessage("x", time_to_live=dt.timedelta(hours=1)))

        (dead,) = take(dead_letters, 1)

        assert dead.dead_letter_reason == "TTLExpiredException"
        assert dead.time_to_live == dt.timedelta(seconds=1)
        dead_letters.complete_message(dead)
