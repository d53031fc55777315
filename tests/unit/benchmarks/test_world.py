"""The simulated system: entity, instances, queue."""

import statistics
from itertools import pairwise

import pytest

from benchmarks.quota.scenario import Delivery, Scenario
from benchmarks.quota.timeline import Timeline
from benchmarks.quota.world import Entity, Fleet, Instance, World


@pytest.mark.parametrize(("backend", "median_s"), [("storage", 0.3), ("dts", 0.04)])
def test_an_operation_takes_a_round_trip(timeline: Timeline, backend: str, median_s: float) -> None:
    entity = Entity(timeline, backend, Scenario().random("entity"))  # type: ignore[arg-type]
    took: list[float] = []
    for number in range(400):
        asked_s = number * 10.0
        timeline.at(asked_s, entity.call, int, lambda _, asked_s=asked_s: took.append(timeline.now_s - asked_s))
    timeline.run(1e9)

    assert statistics.median(took) == pytest.approx(median_s, rel=0.15)
    assert max(took) > 2 * statistics.median(took)
    assert entity.operations == 400


def test_operations_run_one_after_the_other(timeline: Timeline) -> None:
    entity = Entity(timeline, "storage", Scenario().random("entity"))
    ran_s: list[float] = []
    for _ in range(100):
        entity.call(lambda: ran_s.append(timeline.now_s))
    timeline.run(1e9)

    assert all(later - earlier >= 0.012 - 1e-9 for earlier, later in pairwise(ran_s))
    assert ran_s[-1] >= 100 * 0.012


def test_an_operation_gives_its_result_to_whoever_waits(timeline: Timeline) -> None:
    entity = Entity(timeline, "dts", Scenario().random("entity"))
    results: list[str] = []
    entity.call(lambda: "booked", results.append)
    timeline.run(1e9)

    assert results == ["booked"]


def fleet(timeline: Timeline, scenario: Scenario) -> tuple[Fleet[int], list[tuple[int, Instance, float]]]:
    got: list[tuple[int, Instance, float]] = []
    some: Fleet[int] = Fleet(
        timeline, scenario, lambda message, instance: got.append((message, instance, timeline.now_s))
    )
    return some, got


def test_messages_wait_in_order_while_all_places_are_taken(timeline: Timeline) -> None:
    some, got = fleet(timeline, Scenario(instances=2))
    places = 2 * Scenario(instances=2).concurrency
    for message in range(places + 2):
        timeline.at(message, some.send, message)
    timeline.run(1e9)
    assert [message for message, _, _ in got] == list(range(places))
    assert {instance.running for instance in some.instances} == {places // 2}

    some.release(got[0][1])
    some.release(got[1][1])
    assert [message for message, _, _ in got[places:]] == [places, places + 1]


def test_an_abandoned_message_comes_again_before_the_others(timeline: Timeline) -> None:
    scenario = Scenario(instances=1)
    some, got = fleet(timeline, scenario)
    for message in range(scenario.concurrency + 3):
        timeline.at(message, some.send, message)
    timeline.run(1e9)
    instance = got[0][1]
    some.abandon(0, instance)  # frees a place, which the first that waits takes
    timeline.run(1e9)
    some.release(instance)
    some.release(instance)

    assert [message for message, _, _ in got[scenario.concurrency :]] == [
        scenario.concurrency,
        0,
        scenario.concurrency + 1,
    ]


@pytest.mark.parametrize(("delivery", "mean_s", "latest_s"), [("prompt", 0.25, 3.0), ("late", 1.5, 3.0)])
def test_scheduled_messages_come_late_never_early(
    timeline: Timeline, delivery: Delivery, mean_s: float, latest_s: float
) -> None:
    some, got = fleet(timeline, Scenario(instances=100, delivery=delivery))
    for message in range(1500):
        some.send(message, due_s=10.0)
    timeline.run(1e9)

    late = [at_s - 10 for _, _, at_s in got]
    assert len(late) == 1500
    assert min(late) >= 0
    assert max(late) <= latest_s
    assert statistics.mean(late) == pytest.approx(mean_s, rel=0.1)


def test_what_is_due_comes_at_once(timeline: Timeline) -> None:
    some, got = fleet(timeline, Scenario())
    timeline.at(5, some.send, 1, 4.0)
    timeline.at(5, some.send, 2)
    timeline.run(1e9)

    assert all(5 < at_s < 5.1 for _, _, at_s in got)


def test_cold_instances_come_up_10_to_60_s_after_the_first_message(timeline: Timeline) -> None:
    some, got = fleet(timeline, Scenario(instances=4, cold_start=True))
    timeline.at(100, some.send, 1)
    timeline.run(1e9)

    assert 110 <= got[0][2] <= 160
    assert all(instance.up for instance in some.instances)


def test_clocks_are_wrong_by_no_more_than_told(timeline: Timeline) -> None:
    some, _ = fleet(timeline, Scenario(instances=200, clock_offset_s=2.5))
    offsets = [instance.clock_offset_s for instance in some.instances]
    assert -2.5 <= min(offsets) < -2
    assert 2 < max(offsets) <= 2.5


def test_the_last_job_ends_the_simulation(timeline: Timeline) -> None:
    world = World.build(Scenario(), timeline, jobs=[object(), object()])  # type: ignore[list-item]
    timeline.at(1, world.finish)
    timeline.at(2, world.finish)
    timeline.at(3, pytest.fail, "ran on")
    timeline.run(10)
    assert timeline.now_s == 2
