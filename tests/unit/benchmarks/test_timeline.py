import pytest

from benchmarks.quota.timeline import Timeline


def test_actions_run_in_the_order_of_their_time_and_then_as_given(timeline: Timeline) -> None:
    seen: list[tuple[str, float]] = []
    for when_s, name in [(2.0, "late"), (1.0, "first"), (1.0, "second"), (-5.0, "past")]:
        timeline.at(when_s, lambda name: seen.append((name, timeline.now_s)), name)

    timeline.run(10)

    assert seen == [("past", 0.0), ("first", 1.0), ("second", 1.0), ("late", 2.0)]


def test_an_action_may_schedule_others(timeline: Timeline) -> None:
    seen: list[float] = []

    def tick() -> None:
        seen.append(timeline.now_s)
        timeline.at(timeline.now_s + 1, tick)

    timeline.at(0, tick)
    timeline.run(3)

    assert seen == [0, 1, 2, 3]


def test_stop_ends_the_run_with_its_error(timeline: Timeline) -> None:
    timeline.at(1, timeline.stop, ValueError("broken"))
    timeline.at(2, pytest.fail, "ran on")

    with pytest.raises(ValueError, match="broken"):
        timeline.run(10)
    assert timeline.now_s == 1
