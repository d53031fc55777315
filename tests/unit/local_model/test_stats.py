"""Statistics."""

from local.model.stats import HISTORY_S, Stats


class Clock:
    """A clock that a test sets."""

    now = 1000.5

    def __call__(self) -> float:
        return self.now


def test_calls_are_counted_by_status_deployment_and_second() -> None:
    clock = Clock()
    stats = Stats(clock)
    first, second = stats.begin("chat"), stats.begin("chat")
    first.deployment, first.charged, first.billed = "gpt", 100, 40
    stats.end(first, "200")
    clock.now = 1003.0
    stats.end(second, "429")

    report = stats.report()

    assert (report["calls"], report["throttled"]) == (2, 1)
    assert (report["tokens_charged"], report["tokens_billed"]) == (100, 40)
    assert report["by_status"] == {"200": 1, "429": 1}
    assert report["by_deployment"]["gpt"]["calls"] == 1
    assert (report["in_flight"], report["most_in_flight"]) == (0, 2)
    assert report["history"] == [
        {"t": 1000, "calls": 1, "throttled": 0, "charged": 100, "billed": 40},
        {"t": 1003, "calls": 1, "throttled": 1, "charged": 0, "billed": 0},
    ]
    assert [second["t"] for second in stats.report(history_s=1)["history"]] == [1003]


def test_the_history_is_bounded() -> None:
    clock = Clock()
    stats = Stats(clock)
    for _ in range(HISTORY_S + 10):
        stats.end(stats.begin("chat"), "200")
        clock.now += 1

    assert len(stats.report(history_s=10**6)["history"]) == HISTORY_S


def test_reset_keeps_what_is_in_flight() -> None:
    stats = Stats()
    stats.begin("chat")
    stats.end(stats.begin("chat"), "200")

    stats.reset()

    report = stats.report()
    assert (report["calls"], report["in_flight"], report["most_in_flight"], report["history"]) == (0, 1, 1, [])
