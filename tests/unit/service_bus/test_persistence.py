"""What the store keeps: a broker that is built anew on the same store goes on where the last one was."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from local.service_bus.persistence import Store, StoreError
from shared.errors import ConfigurationError
from tests.unit.service_bus.helpers import (
    MINUTE_MS,
    SECOND_MS,
    Bench,
    FakeConsumer,
    application_properties,
    body_of,
    encoded_message,
    message,
)


def rebuilt(bench: Bench, *args: Any, **options: Any) -> Bench:
    """Another broker on the same store at the same time."""
    again = Bench(*args, store=bench.store, **options)
    again.advance(bench.now_ms - again.now_ms)
    return again


def test_messages_keep_all_that_they_had() -> None:
    queues = {"q": {"DefaultMessageTimeToLive": "PT1H"}}
    bench = Bench(queues)
    bench.send(b"a", message_id="m", properties={"k": 1}, ttl_ms=5000)
    bench.queue().abandon(bench.receive(credit=1).received[0], {"extra": 2})
    bench.settle()
    before = bench.queue().messages[1].encode()

    again = rebuilt(bench, queues)

    assert again.queue().messages[1].encode() == before
    assert again.send(b"b") == [2]
    again.advance(5000)
    assert [body_of(m) for m in again.queue().messages.values()] == [b"b"]


def test_locks_schedules_deferrals_and_duplicates_survive() -> None:
    queues = {"q": {"LockDuration": "PT10S", "RequiresDuplicateDetection": True}}
    bench = Bench(queues)
    bench.send(b"locked", b"deferred", b"ready")
    bench.send(b"later", message_id="x", scheduled_ms=bench.now_ms + MINUTE_MS)
    locked, deferred = bench.receive(credit=2).received
    bench.queue().defer(deferred)
    bench.advance(SECOND_MS)

    again = rebuilt(bench, queues)

    assert again.receive(credit=1).bodies == [b"ready"]
    assert body_of(again.queue().locked_message(locked.lock_tag or b"")) == b"locked"
    assert len(again.queue().deferred_messages([deferred.sequence_number], None)) == 1
    assert again.send(b"copy", message_id="x") == [0]
    again.advance(9 * SECOND_MS)
    assert again.receive(credit=1).bodies == [b"locked"]
    again.advance(MINUTE_MS)
    assert b"later" in [body_of(m) for m in again.queue().messages.values()]


def test_dead_letters_and_topics_survive() -> None:
    entities = {"q": {}}, {"t": {"Subscriptions": [{"Name": "s"}]}}
    bench = Bench(*entities)
    bench.send(b"dead")
    bench.queue().dead_letter(bench.receive().received[0], "why", None)
    bench.send(b"scheduled", to="t", scheduled_ms=bench.now_ms + SECOND_MS)
    bench.send(b"copied", to="t")

    again = rebuilt(bench, *entities)
    again.advance(SECOND_MS)

    dead = again.receive("q/$DeadLetterQueue").received[0]
    assert application_properties(dead)["DeadLetterReason"] == "why"
    assert again.receive("t/Subscriptions/s").bodies == [b"copied", b"scheduled"]


def test_session_states_survive_and_session_locks_end() -> None:
    queues = {"q": {"RequiresSession": True}}
    bench = Bench(queues)
    bench.send(b"a", session_id="A")
    consumer = FakeConsumer()
    queue = bench.session_queue()
    queue.accept(consumer, "A", 0)
    queue.subscribe(consumer)
    queue.set_session_state(queue.held_session("A", None), b"state")
    bench.settle()

    again = rebuilt(bench, queues)

    successor = FakeConsumer()
    again.session_queue().accept(successor, "A", 0)
    again.session_queue().subscribe(successor)
    again.settle()
    assert successor.session is not None
    assert successor.session.state == b"state"
    assert [(m.delivery_count, body_of(m)) for m in successor.received] == [(1, b"a")]


def test_a_session_state_can_be_cleared() -> None:
    queues = {"q": {"RequiresSession": True}}
    bench = Bench(queues)
    queue = bench.session_queue()
    queue.accept(FakeConsumer(), "A", 0)
    for state in (b"state", None):
        queue.set_session_state(queue.held_session("A", None), state)
        bench.settle()

    assert rebuilt(bench, queues).session_queue().session_ids(None) == []


def test_an_entity_that_left_the_configuration_keeps_its_messages() -> None:
    bench = Bench({"gone": {}, "q": {}})
    bench.send(b"a", b"b", to="gone")

    assert rebuilt(bench, {"q": {}}).broker.orphans == {"gone": 2}
    assert rebuilt(bench, {"gone": {}}).receive("gone").bodies == [b"a", b"b"]


def test_names_may_change_their_case() -> None:
    bench = Bench({"Orders": {}})
    bench.send(b"a", to="orders")

    assert rebuilt(bench, {"orders": {}}).receive("ORDERS").bodies == [b"a"]


def test_a_queue_with_messages_can_not_become_a_session_queue() -> None:
    bench = Bench({"q": {}})
    bench.send(b"a")

    with pytest.raises(ConfigurationError, match="require sessions"):
        rebuilt(bench, {"q": {"RequiresSession": True}})


def test_waiting_messages_are_forwarded_when_the_configuration_starts_to() -> None:
    bench = Bench({"a": {}, "b": {}})
    bench.send(b"x", to="a")

    assert rebuilt(bench, {"a": {"ForwardTo": "b"}, "b": {}}).receive("b").bodies == [b"x"]


def test_nothing_is_written_before_the_turn_ends(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = Store(path)
    bench = Bench({"q": {}}, store=store)
    bench.broker.destination("q").send([message(b"a")])
    assert list(store.load_messages()) == []

    bench.settle()

    assert len(list(store.load_messages())) == 1


def test_what_comes_and_goes_within_a_turn_never_reaches_the_file() -> None:
    bench = Bench({"q": {}})
    statements: list[str] = []
    bench.store._db.set_trace_callback(statements.append)
    queue = bench.queue()
    queue.send([message(b"a")])
    consumer = FakeConsumer()
    queue.subscribe(consumer)
    queue.pump()
    queue.remove(consumer.received[0])

    bench.settle()

    assert not [
        s for s in statements if s.startswith(("INSERT OR REPLACE INTO message", "INSERT OR REPLACE INTO lock"))
    ]


def test_a_store_has_one_user(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    with pytest.raises(StoreError, match="in use"):
        Store(tmp_path / "store.db")

    store.close()
    Store(tmp_path / "store.db").close()


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    damaged, foreign = tmp_path / "damaged.db", tmp_path / "foreign.db"
    damaged.write_bytes(b"no database" * 1000)
    with sqlite3.connect(foreign) as db:
        db.execute("PRAGMA user_version=99")

    with pytest.raises(StoreError, match="can't be used"):
        Store(damaged)
    with pytest.raises(StoreError, match="version 99"):
        Store(foreign)


def test_large_and_empty_messages_survive() -> None:
    bench = Bench({"q": {}})
    bench.send(b"", b"x" * 250_000)

    assert rebuilt(bench, {"q": {}}).receive().bodies == [b"", b"x" * 250_000]
    assert encoded_message(b"") != encoded_message(b"x")


def test_a_number_is_never_given_twice_even_if_its_message_left_no_trace() -> None:
    bench = Bench({"q": {}})
    bench.receive(receive_and_delete=True)
    assert bench.send(b"a") == [1]

    assert rebuilt(bench, {"q": {}}).send(b"b") == [2]
