"""The emulated endpoint against the rules that were collected about the real one."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quota.scenario import Scenario
from benchmarks.quota.timeline import Timeline
from tests.unit.benchmarks.conftest import Calls

Make = Callable[[Scenario], Calls]


def test_the_estimate_is_charged_and_nothing_comes_back(calls: Make) -> None:
    """Measured: 100 + 2000 tokens cost 2,100, however little is put out, for 60 s."""
    some = calls(Scenario(tpm=2_200))
    some.at(0, 100, max_tokens=2000, output=10)
    some.at(30, 200)
    some.at(58, 100)
    some.at(62, 2000)

    first, second, third, fourth = some.run()

    assert first.headers["x-ratelimit-remaining-tokens"] == "100"
    assert not second.admitted
    assert third.admitted
    assert third.headers["x-ratelimit-remaining-tokens"] == "0"
    assert fourth.admitted
    assert [charge for _, charge in some.endpoint.admissions] == [2100, 100, 2000]


def test_requests_count_over_10_seconds(calls: Make) -> None:
    """Measured: a sixth of the requests a minute in any 10 s; 6 a 1,000 tokens a minute."""
    some = calls(Scenario(tpm=10_000))  # 60 a minute
    for _ in range(11):
        some.at(0, 1)
    some.at(9.5, 1)
    some.at(10.2, 1)

    answers = some.run()

    assert sum(answer.admitted for answer in answers[:11]) == 10
    assert [answer.admitted for answer in answers[11:]] == [False, True]
    assert some.endpoint.rejections == {"token": 0, "call": 2}


def test_requests_count_over_1_second_where_asked(calls: Make) -> None:
    some = calls(Scenario(tpm=10_000, request_window_s=1.0))
    for when_s in (0, 0.5, 1.2):
        some.at(when_s, 1)

    assert [answer.admitted for answer in some.run()] == [True, False, True]


def test_fixed_minutes_begin_at_a_hidden_second(calls: Make, timeline: Timeline) -> None:
    """A full minute is admitted just before and again just after one moment of every 60 s, which isn't 0."""
    scenario = Scenario(tpm=6_000, token_window="fixed")
    some = calls(scenario)
    for second in range(180):
        some.at(second, 6_000)
    some.run()

    times = [at_s for at_s, _ in some.endpoint.admissions]
    assert len(times) in (3, 4)
    assert all(after - before == pytest.approx(60, abs=1) for before, after in pairwise(times[1:]))
    phases = {Scenario(seed=seed).random("endpoint").uniform(0, 60) for seed in range(20)}
    assert len(phases) == 20


@pytest.mark.parametrize("factor", [0.97, 1.1])
def test_an_endpoint_may_count_otherwise_than_its_callers(calls: Make, factor: float) -> None:
    some = calls(Scenario(tpm=10_000, charge_factor=factor))
    some.at(0, 600, max_tokens=400)

    (answer,) = some.run()

    assert some.endpoint.admissions[0][1] == round(1000 * factor)
    assert answer.headers["x-ratelimit-remaining-tokens"] == str(10_000 - round(1000 * factor))


def test_a_429_says_when_to_come_back(calls: Make) -> None:
    some = calls(Scenario(tpm=10_000))
    some.at(0, 9_000)
    some.at(20, 2_000)

    admitted, rejected = some.run()

    assert "retry-after" not in admitted.headers
    assert admitted.headers["x-ratelimit-limit-tokens"] == "10000"
    wait_s = admitted.arrived_s + 60 - rejected.arrived_s
    assert float(rejected.headers["retry-after-ms"]) / 1000 == pytest.approx(wait_s, abs=2e-3)
    assert int(rejected.headers["retry-after"]) == math.ceil(wait_s)
    assert int(rejected.headers["x-ratelimit-remaining-tokens"]) == 1000


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 4000)), max_size=40), st.integers(1, 1000))
def test_whoever_comes_back_as_told_is_admitted(arrivals: list[tuple[float, int]], seed: int) -> None:
    timeline = Timeline()
    some = Calls(timeline, Scenario(tpm=10_000, seed=seed))
    now_s = 0.0
    for gap_s, tokens in arrivals:
        now_s += gap_s
        some.at(now_s, tokens)
    some.run()

    last = some.at(timeline.now_s, 5_000)
    answer = some.run()[-1]
    if not answer.admitted:
        again = some.at(timeline.now_s + float(answer.headers["retry-after-ms"]) / 1000, 5_000)
        assert some.run()[-1].admitted
        assert again.started_s is not None
    assert (last.started_s is not None) == answer.admitted


def test_an_answer_takes_as_long_as_its_output_and_a_rejection_a_round_trip(calls: Make, timeline: Timeline) -> None:
    took: dict[str, float] = {}
    some = calls(Scenario(tpm=10_000))
    short, long, refused = some.at(0, 100, output=10), some.at(0, 100, output=1000), some.at(1, 20_000)
    for name, job in [("short", short), ("long", long), ("refused", refused)]:
        timeline.at(job.arrival_s, some.endpoint.post, job, lambda _, name=name: took.update({name: timeline.now_s}))
    some.run()

    assert 0.4 < took["short"] < 0.8
    assert 5 < took["long"] < 40
    assert took["refused"] - 1 < 0.12
    assert refused.sent_s == 1
