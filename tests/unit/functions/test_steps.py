"""The orchestration of a job: what it does when an activity fails for good."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.steps import job_steps

JOB = {"kind": "reasoning", "job_id": "job-1", "booking": 0}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class FakeContext:
    """Notes what an orchestration asks for."""

    def __init__(self) -> None:
        self.current_utc_datetime = NOW
        self.continued_with: Any = None

    def get_input(self) -> dict[str, Any]:
        return JOB

    def call_activity_with_retry(self, name: str, _: Any, argument: Any) -> tuple[str, Any]:
        return name, argument

    def create_timer(self, at: datetime) -> tuple[str, datetime]:
        return "timer", at

    def continue_as_new(self, argument: Any) -> None:
        self.continued_with = argument


def _started(context: FakeContext) -> Generator[Any, Any]:
    orchestration: Generator[Any, Any] = job_steps.build().get_user_function().orchestrator_function(context)
    assert next(orchestration) == ("job_next_round", JOB)
    return orchestration


def test_a_job_waits_for_settings_to_be_mended() -> None:
    """On a timer, which costs nothing, and without an end of its patience."""
    context = FakeContext()
    orchestration = _started(context)
    error = Exception("Activity function 'job_next_round' failed: ConfigurationError: The setting X must be a number.")

    assert orchestration.throw(error) == ("timer", NOW + timedelta(minutes=5))
    assert next(orchestration, "over") == "over"
    assert context.continued_with == JOB


def test_a_job_that_fails_otherwise_is_ended() -> None:
    context = FakeContext()
    orchestration = _started(context)

    name, argument = orchestration.throw(Exception("Activity function 'job_next_round' failed: StorageError: away."))

    assert (name, argument) == ("job_abandon", {**JOB, "reason": "Exception"})
    assert next(orchestration, "over") == "over"
    assert context.continued_with is None
