"""Deadlines: a heap that forgets what has lapsed, and alarms that ring at the right time."""

from local.service_bus.timers import Alarm, DueHeap, Timers


def test_a_due_heap_gives_what_is_due_earliest_first() -> None:
    heap: DueHeap[str] = DueHeap(list)
    for due_ms, key in ((30, "c"), (10, "a"), (20, "b")):
        heap.push(due_ms, key)

    assert heap.next_due_ms == 10
    assert list(heap.pop_due(20)) == ["a", "b"]
    assert heap.next_due_ms == 30


def test_a_due_heap_stays_within_twice_what_is_live() -> None:
    live = {n: n for n in range(1000)}
    heap: DueHeap[int] = DueHeap(lambda: ((due, key) for key, due in live.items()))
    for n in range(100_000):
        heap.push(n, n)

    assert len(heap) <= 2 * len(live) + 1
    assert set(live) <= set(heap.pop_due(1000))


def test_timers_run_in_order_and_say_when_the_first_moves_forward() -> None:
    now = [0]
    timers = Timers(lambda: now[0])
    announced: list[int] = []
    ran: list[str] = []
    timers.on_earlier = announced.append
    timers.at(20, lambda: ran.append("b"))
    timers.at(30, lambda: ran.append("c"))
    timers.at(10, lambda: ran.append("a"))
    assert announced == [20, 10]

    now[0] = 20
    timers.run_due()

    assert ran == ["a", "b"]
    assert timers.next_due_ms == 30


def test_an_alarm_rings_at_the_earliest_time_it_was_set_to_and_again_when_asked() -> None:
    now = [0]
    timers = Timers(lambda: now[0])
    rang: list[int] = []

    def ring() -> int | None:
        rang.append(now[0])
        return 50 if len(rang) == 1 else None

    alarm = Alarm(timers, ring)
    for due_ms in (40, 20, 30):
        alarm.set(due_ms)
    for moment in range(100):
        now[0] = moment
        timers.run_due()

    assert rang == [20, 50]
    assert timers.next_due_ms is None
