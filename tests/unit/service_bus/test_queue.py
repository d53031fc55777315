"""Queues on a fake clock: delivery, locks, settlement, expiry, dead letters, forwarding."""

import pytest

from local.service_bus.errors import MESSAGE_LOCK_LOST, MESSAGE_NOT_FOUND, ServiceBusError
from local.service_bus.queue import MAX_PROPERTIES_BYTES
from tests.unit.service_bus.helpers import (
    MINUTE_MS,
    SECOND_MS,
    Bench,
    FakeConsumer,
    application_properties,
    body_of,
)


def test_messages_come_in_order_and_share_out_among_consumers() -> None:
    bench = Bench({"q": {}})
    first, second = FakeConsumer(), FakeConsumer()
    bench.queue().subscribe(first)
    bench.queue().subscribe(second)

    bench.send(*(b"%d" % n for n in range(6)))

    assert (first.bodies, second.bodies) == ([b"0", b"2", b"4"], [b"1", b"3", b"5"])


def test_a_consumer_gets_no_more_than_its_credit() -> None:
    bench = Bench({"q": {}})
    bench.send(b"a", b"b", b"c")

    consumer = bench.receive(credit=2)

    assert consumer.bodies == [b"a", b"b"]
    assert not consumer.waiting


def test_receive_and_delete_leaves_nothing_behind() -> None:
    bench = Bench({"q": {}})
    bench.send(b"a")

    assert bench.receive(receive_and_delete=True).bodies == [b"a"]
    assert bench.queue().messages == {}


def test_an_abandoned_message_comes_back_in_its_old_place_until_its_deliveries_run_out() -> None:
    bench = Bench({"q": {"MaxDeliveryCount": 3}})
    bench.send(b"a", b"b")
    for count in range(3):
        item = bench.receive(credit=1).received[0]
        assert (body_of(item), item.delivery_count) == (b"a", count)
        bench.queue().abandon(item, {"attempt": count})
        bench.settle()

    dead = bench.receive("q/$DeadLetterQueue").received[0]

    assert application_properties(dead)["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert application_properties(dead)["attempt"] == 2
    assert bench.receive().bodies == [b"b"]


def test_a_released_message_counts_no_delivery() -> None:
    bench = Bench({"q": {"MaxDeliveryCount": 1}})
    bench.send(b"a")
    for _ in range(3):
        item = bench.receive(credit=1).received[0]
        bench.queue().release(item)

    assert item.delivery_count == 0
    assert bench.receive().bodies == [b"a"]


def test_a_lock_lasts_for_its_duration_and_its_end_counts_as_a_delivery() -> None:
    bench = Bench({"q": {"LockDuration": "PT5S"}})
    bench.send(b"a")
    item = bench.receive(credit=1).received[0]
    tag = item.lock_tag or b""
    waiting = bench.receive()

    bench.advance(4999)
    assert waiting.received == []
    assert bench.queue().locked_message(tag) is item

    bench.advance(1)
    assert [m.delivery_count for m in waiting.received] == [1]
    with pytest.raises(ServiceBusError) as caught:
        bench.queue().locked_message(tag)
    assert caught.value.condition == MESSAGE_LOCK_LOST


def test_a_renewed_lock_lasts_longer() -> None:
    bench = Bench({"q": {"LockDuration": "PT5S"}})
    bench.send(b"a")
    item = bench.receive(credit=1).received[0]
    bench.advance(4 * SECOND_MS)

    assert bench.queue().renew([item]) == [bench.now_ms + 5 * SECOND_MS]

    bench.advance(4 * SECOND_MS)
    assert bench.queue().locked_message(item.lock_tag or b"") is item
    bench.advance(1 * SECOND_MS)
    assert item.lock_tag is None


def test_a_lock_is_lost_at_its_end_even_if_no_timer_ran() -> None:
    bench = Bench({"q": {"LockDuration": "PT5S"}})
    bench.send(b"a")
    tag = bench.receive(credit=1).received[0].lock_tag or b""

    bench.now_ms += 5 * SECOND_MS

    with pytest.raises(ServiceBusError):
        bench.queue().locked_message(tag)


def test_the_lock_of_a_consumer_that_left_stays() -> None:
    bench = Bench({"q": {"LockDuration": "PT5S"}})
    bench.send(b"a")
    consumer = bench.receive()

    bench.queue().unsubscribe(consumer)

    assert bench.receive().received == []
    assert not consumer.waiting


def test_a_deferred_message_is_got_by_its_number_only() -> None:
    bench = Bench({"q": {}})
    bench.send(b"a")
    item = bench.receive().received[0]
    bench.queue().defer(item, {"step": 2})
    bench.settle()
    assert bench.receive().received == []

    (again,) = bench.queue().deferred_messages([item.sequence_number], None)
    assert application_properties(again) == {"step": 2}
    bench.queue().lock(again)
    with pytest.raises(ServiceBusError) as caught:
        bench.queue().deferred_messages([item.sequence_number], None)
    assert caught.value.condition == MESSAGE_NOT_FOUND

    bench.queue().abandon(again)
    assert bench.queue().deferred_messages([item.sequence_number], None) == [item]
    assert bench.receive().received == []


def test_dead_lettering_adds_reason_and_description() -> None:
    bench = Bench({"q": {}})
    bench.send(b"a", properties={"kept": 5})
    item = bench.receive().received[0]

    bench.queue().dead_letter(item, "why", "how", {"extra": True})
    bench.settle()

    dead = bench.receive("q/$DeadLetterQueue").received[0]
    expected = {"kept": 5, "extra": True, "DeadLetterReason": "why", "DeadLetterErrorDescription": "how"}
    assert application_properties(dead) == expected
    assert bench.queue().messages == {}
    assert dead.sequence_number == item.sequence_number


def test_a_dead_letter_neither_expires_nor_dies_again() -> None:
    bench = Bench({"q": {"MaxDeliveryCount": 1, "LockDuration": "PT5S", "DefaultMessageTimeToLive": "PT1S"}})
    bench.send(b"a")
    bench.queue().dead_letter(bench.receive(credit=1).received[0], "why", None)
    bench.settle()
    for settle in (bench.dead_letters().abandon, lambda item: bench.dead_letters().dead_letter(item, "again", None)):
        settle(bench.receive("q/$DeadLetterQueue", credit=1).received[0])
        bench.settle()
        bench.advance(10 * MINUTE_MS)

    assert [m.delivery_count for m in bench.receive("q/$DeadLetterQueue").received] == [1]


def test_properties_that_grow_too_large_are_refused_and_change_nothing() -> None:
    bench = Bench({"q": {}})
    bench.send(b"a", properties={"k": 1})
    item = bench.receive().received[0]

    with pytest.raises(ServiceBusError, match="exceed"):
        bench.queue().abandon(item, {"big": "x" * MAX_PROPERTIES_BYTES})

    assert application_properties(item) == {"k": 1}
    assert bench.queue().locked_message(item.lock_tag or b"") is item


@pytest.mark.parametrize(
    ("own_ttl_ms", "expected_ms"), [(None, 2000), (1000, 1000), (5000, 2000)], ids=["default", "shorter", "longer"]
)
def test_a_message_expires_at_the_shorter_time_to_live(own_ttl_ms: int | None, expected_ms: int) -> None:
    bench = Bench({"q": {"DefaultMessageTimeToLive": "PT2S", "DeadLetteringOnMessageExpiration": True}})
    bench.send(b"a", ttl_ms=own_ttl_ms)

    bench.advance(expected_ms - 1)
    assert len(bench.queue().messages) == 1
    bench.advance(1)

    dead = bench.receive("q/$DeadLetterQueue").received[0]
    assert application_properties(dead)["DeadLetterReason"] == "TTLExpiredException"
    assert dead.ttl_ms == expected_ms


def test_without_dead_lettering_an_expired_message_is_gone() -> None:
    bench = Bench({"q": {}})
    bench.send(b"a", ttl_ms=1000)

    bench.advance(1000)

    assert bench.queue().messages == bench.dead_letters().messages == {}


def test_a_locked_message_expires_only_when_it_comes_back() -> None:
    bench = Bench({"q": {"DefaultMessageTimeToLive": "PT2S"}})
    bench.send(b"a", b"b")
    kept, returned = bench.receive().received

    bench.advance(3000)
    bench.queue().remove(kept)
    bench.queue().abandon(returned)
    bench.settle()

    assert bench.queue().messages == {}
    assert bench.receive().received == []


def test_peek_shows_messages_in_every_state_in_order() -> None:
    bench = Bench({"q": {}})
    bench.send(b"locked", b"deferred", b"ready")
    bench.send(b"scheduled", scheduled_ms=bench.now_ms + MINUTE_MS)
    consumer = bench.receive(credit=2)
    bench.queue().defer(consumer.received[1])

    found = bench.queue().peek(1, 10, None)

    assert [body_of(m) for m in found] == [b"locked", b"deferred", b"ready", b"scheduled"]
    assert [body_of(m) for m in bench.queue().peek(found[1].sequence_number, 2, None)] == [b"deferred", b"ready"]


def test_forwarded_messages_arrive_with_a_new_number_and_the_old_one_noted() -> None:
    bench = Bench({"a": {"ForwardTo": "b"}, "b": {}})
    bench.send(b"first", to="b")

    bench.send(b"x", to="a")

    item = bench.receive("b").received[1]
    assert (item.sequence_number, item.enqueued_sequence_number) == (2, 1)
    assert bench.queue("a").messages == {}


def test_forwarding_in_a_circle_ends_in_a_dead_letter() -> None:
    bench = Bench({"a": {"ForwardTo": "b"}, "b": {"ForwardTo": "a"}})

    bench.send(b"x", to="a")

    dead = bench.receive("a/$DeadLetterQueue").received[0]
    assert application_properties(dead)["DeadLetterReason"] == "MaxTransferHopCountExceeded"


def test_dead_letters_are_forwarded_with_their_source() -> None:
    bench = Bench({"a": {"ForwardDeadLetteredMessagesTo": "graveyard"}, "graveyard": {}})
    bench.send(b"x", to="a")
    item = bench.receive("a").received[0]
    item.delivery_count = 4

    bench.queue("a").dead_letter(item, "why", None)
    bench.settle()

    buried = bench.receive("graveyard").received[0]
    assert application_properties(buried)["DeadLetterReason"] == "why"
    assert buried.delivery_count == 0
    assert b"x-opt-deadletter-source" in buried.encode()
    assert bench.dead_letters("a").messages == {}


def test_expired_messages_leave_no_memory_behind_without_consumers() -> None:
    bench = Bench({"q": {"DefaultMessageTimeToLive": "PT1S"}})
    for _ in range(60):
        bench.send(*[b"x"] * 100)
        bench.advance(1000)

    queue = bench.queue()
    assert queue.messages == {}
    assert len(queue._ready) < 2500
    assert len(queue._expiries) < 2500
