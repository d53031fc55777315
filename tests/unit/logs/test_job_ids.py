"""Sets of job ids in the index."""

from hypothesis import given
from hypothesis import strategies as st

from shared.logs.job_ids import EXACT_CHARS, JobIds


@given(st.sets(st.text()), st.text())
def test_small_sets_are_exact(ids: set[str], other: str) -> None:
    jobs = JobIds.of(ids)
    again = JobIds.from_row(dict(jobs.as_row()))
    assert all(again.may_hold(job_id) for job_id in ids)
    if not jobs.bloom:
        assert again.may_hold(other) == (other in ids)


def test_large_sets_say_yes_too_often_but_rarely() -> None:
    ids = {f"run-{number:06d}" for number in range(5_000)}
    jobs = JobIds.from_row(dict(JobIds.of(ids).as_row()))
    assert jobs.bloom
    assert all(jobs.may_hold(job_id) for job_id in ids)
    wrong = sum(jobs.may_hold(f"other-{number}") for number in range(20_000))
    assert wrong < 20_000 * 0.002


def test_rows_stay_small() -> None:
    for number in (10, 1_000, 100_000):
        row = JobIds.of(f"job-{n}" for n in range(number)).as_row()
        assert len(row.get("jobs", "")) <= EXACT_CHARS
        assert len(row.get("bloom", b"")) <= 64_000


def test_a_row_that_cannot_be_read_may_hold_every_job() -> None:
    for row in ({}, {"jobs": "no json"}, {"jobs": "5"}, {"bloom": b""}):
        assert JobIds.from_row(dict(row)).may_hold("a")
