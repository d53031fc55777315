"""Scheduled messages and duplicate detection on a fake clock."""

import pytest

from local.service_bus.errors import MESSAGE_NOT_FOUND, ServiceBusError
from tests.unit.service_bus.helpers import MINUTE_MS, SECOND_MS, Bench

DETECTING = {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "PT1M"}


def test_a_scheduled_message_joins_the_tail_when_its_time_comes() -> None:
    bench = Bench({"q": {}})
    (number,) = bench.send(b"later", scheduled_ms=bench.now_ms + MINUTE_MS)
    bench.send(b"now")
    bench.advance(MINUTE_MS - 1)
    assert bench.receive(credit=1).bodies == [b"now"]

    bench.advance(1)

    item = bench.receive().received[0]
    assert (item.sequence_number, item.enqueued_sequence_number) == (3, number)
    assert item.enqueued_ms == bench.now_ms


def test_a_time_in_the_past_means_now() -> None:
    bench = Bench({"q": {}})
    bench.send(b"a", scheduled_ms=bench.now_ms)

    assert bench.receive().bodies == [b"a"]


def test_cancelling_takes_all_or_none() -> None:
    bench = Bench({"q": {}})
    numbers = bench.send(b"a", b"b", scheduled_ms=bench.now_ms + MINUTE_MS)

    with pytest.raises(ServiceBusError) as caught:
        bench.queue().cancel_scheduled([*numbers, 99])
    assert caught.value.condition == MESSAGE_NOT_FOUND
    assert len(bench.queue().messages) == 2

    bench.queue().cancel_scheduled([*numbers, numbers[0]])
    bench.advance(2 * MINUTE_MS)
    assert bench.queue().messages == {}


def test_an_active_message_can_not_be_cancelled() -> None:
    bench = Bench({"q": {}})
    (number,) = bench.send(b"a", scheduled_ms=bench.now_ms + SECOND_MS)
    bench.advance(SECOND_MS)

    with pytest.raises(ServiceBusError):
        bench.queue().cancel_scheduled([number])


def test_the_time_to_live_begins_at_the_scheduled_time() -> None:
    bench = Bench({"q": {"DefaultMessageTimeToLive": "PT2S"}})
    bench.send(b"a", scheduled_ms=bench.now_ms + MINUTE_MS)
    bench.advance(MINUTE_MS)
    bench.advance(1999)
    assert len(bench.queue().messages) == 1

    bench.advance(1)

    assert bench.queue().messages == {}


def test_a_duplicate_within_the_window_is_dropped() -> None:
    bench = Bench({"q": DETECTING})
    assert bench.send(b"a", message_id="x") == [1]
    bench.advance(MINUTE_MS - 1)
    assert bench.send(b"b", message_id="x") == [0]

    bench.advance(1)

    assert bench.send(b"c", message_id="x") == [2]
    assert bench.receive().bodies == [b"a", b"c"]


def test_duplicates_within_one_batch_are_dropped() -> None:
    bench = Bench({"q": DETECTING})

    bench.send(b"a", b"b", message_id="x")

    assert bench.receive().bodies == [b"a"]


def test_scheduled_messages_count_for_duplicates_even_when_cancelled() -> None:
    bench = Bench({"q": DETECTING})
    (number,) = bench.send(b"a", message_id="x", scheduled_ms=bench.now_ms + SECOND_MS)
    assert bench.send(b"b", message_id="x") == [0]
    assert bench.send(b"c", message_id="x", scheduled_ms=bench.now_ms + SECOND_MS) == [0]

    bench.queue().cancel_scheduled([number])

    assert bench.send(b"d", message_id="x") == [0]


def test_an_id_is_a_duplicate_also_after_its_message_is_gone() -> None:
    bench = Bench({"q": DETECTING})
    bench.send(b"a", message_id="x")
    bench.queue().remove(bench.receive(credit=1).received[0])

    assert bench.send(b"b", message_id="x") == [0]


def test_without_detection_ids_may_repeat() -> None:
    bench = Bench({"q": {}})

    assert bench.send(b"a", b"b", message_id="x") == [1, 2]


def test_the_history_forgets_what_has_lapsed() -> None:
    bench = Bench({"q": DETECTING})
    for n in range(100):
        bench.send(b"a", message_id=f"m{n}")
        bench.advance(SECOND_MS)
    assert 55 <= len(bench.store.load_history()) <= 65

    bench.advance(2 * MINUTE_MS)

    assert bench.store.load_history() == []


def test_messages_without_an_id_are_no_duplicates_of_each_other() -> None:
    bench = Bench({"q": DETECTING})

    assert bench.send(b"a", b"b") == [1, 2]
