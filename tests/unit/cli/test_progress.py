"""How progress is shown."""

import pytest
from rich.console import Console

from cli.progress import progress_line, progress_table, running_jobs
from shared.config import AppAccess

JOB = {"job_id": "a[b]", "step": 2, "of": 5, "percent": 20, "doing": "reading part 2 of 3"}


def test_a_line_tells_the_longest_running_job() -> None:
    assert progress_line([]) == ""
    assert progress_line([JOB]) == "reading part 2 of 3, step 2 of 5"
    assert progress_line([JOB, JOB, JOB]) == "reading part 2 of 3, step 2 of 5 (and 2 more)"


def test_a_table_has_a_line_a_job_and_one_that_has_just_begun() -> None:
    console = Console(width=100, record=True)
    console.print(progress_table([JOB, {"job_id": "new"}]))
    first, second = console.export_text().splitlines()
    assert "a[b]" in first
    assert "20 %" in first
    assert "step 2 of 5" in first
    assert "beginning" in second


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:9"])
async def test_an_app_that_cannot_be_asked_shows_no_progress(url: str | None) -> None:
    assert await running_jobs(AppAccess(url), "reasoning") == []
