"""Sessions on a fake clock: who holds one, in what order, and for how long."""

import pytest

from local.service_bus.errors import SESSION_CANNOT_BE_LOCKED, SESSION_LOCK_LOST, ServiceBusError
from tests.unit.service_bus.helpers import MINUTE_MS, SECOND_MS, Bench, FakeConsumer, application_properties

SESSIONS = {"RequiresSession": True, "LockDuration": "PT10S"}


def accept(bench: Bench, session_id: str | None, timeout_ms: int = MINUTE_MS, name: str = "link") -> FakeConsumer:
    """A consumer that asked for a session, and was fed if it got one."""
    consumer = FakeConsumer(name=name)
    bench.session_queue().accept(consumer, session_id, timeout_ms)
    bench.settle()
    bench.queue().subscribe(consumer)
    bench.settle()
    return consumer


def test_a_session_gets_its_messages_in_order_and_no_others() -> None:
    bench = Bench({"q": SESSIONS})
    for n in range(4):
        bench.send(b"%d" % n, session_id="AB"[n % 2])

    consumer = accept(bench, "A")
    bench.send(b"4", session_id="A")

    assert consumer.bodies == [b"0", b"2", b"4"]


def test_a_held_session_can_not_be_accepted_again() -> None:
    bench = Bench({"q": SESSIONS})
    accept(bench, "A")

    with pytest.raises(ServiceBusError) as caught:
        accept(bench, "A")

    assert caught.value.condition == SESSION_CANNOT_BE_LOCKED


def test_the_next_session_is_the_one_that_has_been_available_longest() -> None:
    bench = Bench({"q": SESSIONS})
    for session_id in "BAC":
        bench.send(b"x", session_id=session_id)
    accept(bench, "B")

    granted = [accept(bench, None).events for _ in range(2)]

    assert granted == [["granted A"], ["granted C"]]


def test_whoever_waits_for_a_session_gets_the_first_that_comes() -> None:
    bench = Bench({"q": SESSIONS})
    early, late = accept(bench, None), accept(bench, None)
    bench.advance(SECOND_MS)

    bench.send(b"x", session_id="A")

    assert (early.events, late.events) == (["granted A"], [])


def test_waiting_for_a_session_ends_in_time() -> None:
    bench = Bench({"q": SESSIONS})
    consumer = accept(bench, None, timeout_ms=2000)
    bench.advance(1999)
    assert consumer.events == []

    bench.advance(1)
    bench.send(b"x", session_id="A")

    assert consumer.events == ["timed out"]


def test_an_empty_session_is_not_offered() -> None:
    bench = Bench({"q": SESSIONS})
    bench.send(b"x", session_id="A", ttl_ms=1000)
    bench.now_ms += 2000

    assert accept(bench, None).events == []


def test_leaving_gives_the_session_and_its_messages_back() -> None:
    bench = Bench({"q": SESSIONS})
    bench.send(b"a", b"b", session_id="A")
    consumer = accept(bench, "A")

    bench.queue().unsubscribe(consumer)
    bench.settle()

    again = accept(bench, None)
    assert again.bodies == [b"a", b"b"]
    assert [m.delivery_count for m in again.received] == [1, 1]


def test_a_session_lock_ends_with_its_messages_locks() -> None:
    bench = Bench({"q": SESSIONS})
    bench.send(b"a", session_id="A")
    consumer = accept(bench, "A")
    tag = consumer.received[0].lock_tag or b""
    bench.advance(10 * SECOND_MS - 1)
    assert consumer.events == ["granted A"]

    bench.advance(1)

    assert consumer.events == ["granted A", "lost"]
    with pytest.raises(ServiceBusError) as caught:
        bench.queue().locked_message(tag)
    assert caught.value.condition == SESSION_LOCK_LOST
    assert accept(bench, "A").bodies == [b"a"]


def test_a_renewed_session_keeps_its_messages_locked() -> None:
    bench = Bench({"q": SESSIONS})
    bench.send(b"a", session_id="A")
    consumer = accept(bench, "A")
    item = consumer.received[0]
    bench.advance(9 * SECOND_MS)
    queue = bench.session_queue()

    assert queue.renew_session(queue.held_session("A", "link")) == bench.now_ms + 10 * SECOND_MS

    bench.advance(9 * SECOND_MS)
    assert queue.locked_message(item.lock_tag or b"") is item
    assert consumer.events == ["granted A"]


def test_only_the_holder_may_ask_about_a_session() -> None:
    bench = Bench({"q": SESSIONS})
    accept(bench, "A", name="mine")
    queue = bench.session_queue()

    assert queue.held_session("A", "mine") is queue.held_session("A", None)
    for session_id, link in (("A", "other"), ("B", None)):
        with pytest.raises(ServiceBusError) as caught:
            queue.held_session(session_id, link)
        assert caught.value.condition == SESSION_LOCK_LOST


def test_the_state_stays_when_the_session_is_free() -> None:
    bench = Bench({"q": SESSIONS})
    consumer = accept(bench, "A")
    queue = bench.session_queue()
    queue.set_session_state(queue.held_session("A", None), b"state")
    bench.queue().unsubscribe(consumer)

    accept(bench, "A")

    assert queue.held_session("A", None).state == b"state"


def test_sessions_are_listed_by_messages_and_state() -> None:
    bench = Bench({"q": SESSIONS})
    bench.send(b"x", session_id="messages")
    bench.send(b"x", session_id="scheduled", scheduled_ms=bench.now_ms + MINUTE_MS)
    before_ms = bench.now_ms
    bench.advance(1)
    accept(bench, "state")
    queue = bench.session_queue()
    queue.set_session_state(queue.held_session("state", None), b"s")

    assert queue.session_ids(None) == ["messages", "state"]
    assert queue.session_ids(before_ms) == ["state"]
    assert queue.session_ids(bench.now_ms) == []


def test_a_message_without_a_session_is_refused_with_its_whole_batch() -> None:
    bench = Bench({"q": SESSIONS})

    with pytest.raises(ServiceBusError, match="SessionId was not set"):
        bench.send(b"x")

    assert bench.queue().messages == {}


def test_a_forwarded_message_without_a_session_becomes_a_dead_letter() -> None:
    bench = Bench({"q": SESSIONS, "source": {"ForwardTo": "q"}})

    bench.send(b"x", to="source")

    dead = bench.receive("q/$DeadLetterQueue").received[0]
    assert application_properties(dead)["DeadLetterReason"] == "Session ID is null"


def test_idle_sessions_leave_no_memory_behind() -> None:
    bench = Bench({"q": SESSIONS})
    for n in range(50):
        bench.send(b"x", session_id=f"s{n}")
        consumer = accept(bench, f"s{n}")
        bench.queue().remove(consumer.received[0])
        bench.queue().unsubscribe(consumer)

    assert bench.session_queue()._sessions == {}
