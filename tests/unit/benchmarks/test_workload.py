import pytest

from benchmarks.quota.scenario import Scenario, Workload
from benchmarks.quota.workload import MINORITY_APP, Job, lower_bound_s, make_jobs
from local.model.limits import Limits

TPM, MINUTES = 240_000, 8


def tokens(jobs: list[Job]) -> int:
    return sum(job.tokens for job in jobs)


@pytest.mark.parametrize("workload", ["uniform", "heavy", "bursty", "half", "minority"])
def test_a_seed_makes_the_same_jobs_again_and_another_makes_others(workload: Workload) -> None:
    def made(seed: int) -> list[tuple[int, float, int, int, int]]:
        jobs = make_jobs(Scenario(workload, seed=seed))
        return [(job.id, job.arrival_s, job.prompt_tokens, job.max_tokens, job.output_tokens) for job in jobs]

    assert made(1) == made(1)
    assert made(1) != made(2)
    assert [job[0] for job in made(1)] == list(range(len(made(1))))
    assert [job[1] for job in made(1)] == sorted(job[1] for job in made(1))


def test_the_backlogs_ask_for_the_minutes_they_are_told() -> None:
    small, heavy = make_jobs(Scenario("uniform")), make_jobs(Scenario("heavy"))

    for jobs in (small, heavy):
        assert tokens(jobs) == pytest.approx(TPM * MINUTES, rel=0.04)
        assert {job.arrival_s for job in jobs} == {0}
        assert all(0 < job.output_tokens <= job.max_tokens for job in jobs)
    assert all(350 <= job.tokens <= 450 for job in small)
    assert max(job.tokens for job in heavy) > 20 * sorted(job.tokens for job in heavy)[len(heavy) // 2]
    assert max(job.tokens for job in heavy) <= 60_000


def test_bursts_come_every_two_minutes_and_make_85_percent() -> None:
    jobs = make_jobs(Scenario("bursty", minutes=20))

    bursts = sorted({job.arrival_s // 120 for job in jobs})
    assert bursts == list(range(10))
    for burst in bursts:
        some = [job for job in jobs if job.arrival_s // 120 == burst]
        assert tokens(some) == pytest.approx(1.7 * TPM, rel=0.15)
        assert max(job.arrival_s for job in some) - min(job.arrival_s for job in some) <= 2
    assert tokens(jobs) == pytest.approx(0.85 * 20 * TPM, rel=0.05)


def test_half_load_is_half_the_quota_over_the_whole_time() -> None:
    jobs = make_jobs(Scenario("half", minutes=20))

    assert tokens(jobs) == pytest.approx(10 * TPM, rel=0.01)
    assert jobs[-1].arrival_s == pytest.approx(20 * 60, rel=0.05)


def test_the_minority_sends_now_and_then_beside_the_backlog() -> None:
    jobs = make_jobs(Scenario("minority", minutes=20))
    few = [job for job in jobs if job.app == MINORITY_APP]

    assert tokens([job for job in jobs if job.app != MINORITY_APP]) == pytest.approx(20 * TPM, rel=0.01)
    assert len(few) == pytest.approx((20 * 60 * 0.9 - 30) / 2, rel=0.15)
    assert min(job.arrival_s for job in few) >= 30


@pytest.mark.parametrize(
    ("arrivals", "bound_s"),
    [
        ([(0, 600)], 0),  # fits at once
        ([(0, 600), (0, 400)], 0),
        ([(0, 600), (0, 900)], 30),  # 1,500 tokens: 500 wait for half a minute of quota
        ([(0, 600), (100, 900), (100, 600)], 130),  # what came before has passed
        ([(0, 1000), (0, 1000), (10, 1000)], 120),
    ],
)
def test_the_bound_of_tokens(arrivals: list[tuple[float, int]], bound_s: float) -> None:
    jobs = [Job(0, at_s, tokens, 0, 1) for at_s, tokens in arrivals]
    assert lower_bound_s(jobs, Limits(tpm=1000, rpm=60)) == pytest.approx(bound_s)


def test_the_bound_of_requests() -> None:
    jobs = [Job(0, 5.0, 1, 0, 1) for _ in range(25)]
    assert lower_bound_s(jobs, Limits(tpm=1000, rpm=60)) == pytest.approx(5 + 15)  # 10 at once, then 10 every 10 s
