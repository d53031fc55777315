"""The measures against cases computed by hand."""

import pytest

from benchmarks.quota.endpoint import Endpoint
from benchmarks.quota.measures import by_second, measure, quantile, used_share, working_times
from benchmarks.quota.scenario import Scenario
from benchmarks.quota.timeline import Timeline
from benchmarks.quota.workload import MAIN_APP, MINORITY_APP, Job
from benchmarks.quota.world import Entity, Tally, World


def job(tokens: int, arrival_s: float = 0.0, started_s: float | None = None, app: str = MAIN_APP) -> Job:
    return Job(0, arrival_s, tokens, 0, 1, app, started_s=started_s)


def test_there_is_work_while_more_than_the_threshold_waits() -> None:
    jobs = [job(200, 0, 10), job(200, 0, 20), job(300, 5, 30), job(300, 50, 55)]
    #  waiting: 400 from 0, 700 from 5, 500 from 10, 300 from 20, 0 from 30, 300 from 50, 0 from 55
    assert working_times(jobs, 250) == [(0, 30), (50, 55)]
    assert working_times(jobs, 450) == [(5, 20)]
    assert working_times(jobs, 1000) == []


def test_used_share_is_the_mean_of_trailing_minutes_within_the_work() -> None:
    """1,000 tokens a minute. Work from 0 to 90 s; 500 tokens at 0 and at 30, 800 at 60.5.

    Trailing minutes end at 60, 60.5, ... 90. The one to 60 holds what came in (0, 60], 500; from 60.5 to 89.5 it is
    500 + 800; the one to 90 has lost the 500 of 30.
    """
    jobs = [job(600, 0, 90.0)]
    admissions = [(0.0, 500), (30.0, 500), (60.5, 800)]
    expected = (500 + 59 * 1300 + 800) / 61 / 1000
    assert used_share(jobs, admissions, tpm=1000) == pytest.approx(expected)


def test_used_share_of_less_than_a_minute_of_work_is_unknown() -> None:
    assert used_share([job(600, 0, 59.0)], [(59.0, 600)], tpm=1000) is None
    assert used_share([job(600, 0, 60.0)], [(60.0, 600)], tpm=1000) == pytest.approx(0.6)


def test_full_use_is_one() -> None:
    jobs = [job(10, 0, float(second)) for second in range(1, 301)]
    assert used_share(jobs, [(float(second), 10) for second in range(1, 301)], tpm=600) == pytest.approx(1.0)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_quantiles_are_by_nearest_rank(share: float, value: float) -> None:
    assert quantile([float(n) for n in range(1, 101)], share) == value


def test_quantiles_of_one_and_of_none() -> None:
    assert quantile([7.0], 0.99) == 7
    assert quantile([], 0.5) == 0


def test_history_is_by_second() -> None:
    assert by_second([(0.2, 5), (0.9, 6), (3.0, 7)]) == [11, 0, 0, 7]
    assert by_second([]) == []


def world(jobs: list[Job], scenario: Scenario, tally: Tally, left: int = 0) -> World:
    clock = Timeline()
    endpoint = Endpoint(clock, scenario.limits, scenario.random("endpoint"))
    endpoint.admissions = sorted((job.started_s, job.tokens) for job in jobs if job.started_s is not None)
    endpoint.rejections = {"token": 3, "call": 2}
    entity = Entity(clock, "dts", scenario.random("entity"))
    entity.operations = 6
    return World(scenario, clock, jobs, endpoint, entity, tally, left)


def test_everything_together() -> None:
    jobs = [job(1000, 0, 1.0), job(1000, 0, 62.0), job(1000, 10, 122.0), job(1000, 10, None)]
    jobs[0].deliveries, jobs[1].deliveries = 10, 11
    tally = Tally(waited_s=2.0, runs=8, missed=2)

    measures = measure(world(jobs, Scenario(tpm=1000), tally, left=1))

    assert measures.jobs == 4
    assert (measures.rejected, measures.rejected_for_requests) == (5, 2)
    assert (measures.wait_p50_s, measures.wait_p99_s) == (62, 112)
    assert measures.entity_operations == 1.5
    assert measures.billed_wait_s == 0.5
    assert measures.missed_percent == 25
    assert measures.redelivered_jobs == 1
    assert measures.unfinished == 1
    assert measures.last_s == 122
    # 4,000 tokens need three minutes after a full window.
    assert measures.bound_percent == pytest.approx(100 * 180 / 122)
    assert len(measures.history) == 123
    assert sum(measures.history) == 3000


def test_waits_beside_a_backlog_are_the_minoritys() -> None:
    jobs = [job(100, 0, 500.0), job(100, 30, 32.0, MINORITY_APP), job(100, 40, 41.0, MINORITY_APP)]

    measures = measure(world(jobs, Scenario("minority", tpm=1000), Tally()))

    assert (measures.wait_p50_s, measures.wait_p99_s) == (1, 2)
