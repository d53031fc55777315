from collections.abc import Callable

import pytest

from benchmarks.quota.endpoint import Answer, Endpoint
from benchmarks.quota.scenario import Scenario
from benchmarks.quota.timeline import Timeline
from benchmarks.quota.workload import Job


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


class Calls:
    """Sends calls to an endpoint at given times, and keeps the answers in the order of the calls."""

    def __init__(self, timeline: Timeline, scenario: Scenario) -> None:
        self.timeline = timeline
        self.endpoint = Endpoint(timeline, scenario.limits, scenario.random("endpoint"))
        self.jobs: list[Job] = []
        self._answers: dict[int, Answer] = {}

    def at(self, when_s: float, prompt: int, max_tokens: int = 0, output: int = 0) -> Job:
        job = Job(len(self.jobs), when_s, prompt, max_tokens, output)
        self.jobs.append(job)
        self.timeline.at(when_s, self.endpoint.post, job, lambda answer: self._answers.update({job.id: answer}))
        return job

    def run(self) -> list[Answer]:
        self.timeline.run(1e9)
        return [self._answers[job.id] for job in self.jobs]


@pytest.fixture
def calls(timeline: Timeline) -> Callable[[Scenario], Calls]:
    return lambda scenario: Calls(timeline, scenario)
