"""Jobs of each workload, and the earliest moment at which any schedule could admit the last of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.quota.scenario import Scenario
from local.model.limits import MINUTE_S, Limits

MAIN_APP, MINORITY_APP = "main", "minority"
LARGEST_TOKENS = 60_000
_BURST_EVERY_S = 120.0
_BURST_MINUTES = 1.7
_MINORITY_EVERY_S = 2.0


@dataclass(slots=True, eq=False)
class Job:
    """One call that wants to be made.

    Attributes:
        prompt_tokens, max_tokens: what its estimate is made of.
        output_tokens: what it will really put out.
        sent_s: when its last call was sent. started_s: when the endpoint admitted it; None until then.
        deliveries: how often a worker got it.
    """

    id: int
    arrival_s: float
    prompt_tokens: int
    max_tokens: int
    output_tokens: int
    app: str = MAIN_APP
    sent_s: float = 0.0
    started_s: float | None = None
    deliveries: int = 0

    @property
    def tokens(self) -> int:
        """The estimate, which the endpoint charges."""
        return self.prompt_tokens + self.max_tokens


def make_jobs(scenario: Scenario) -> list[Job]:
    """The scenario's jobs in the order of their arrival."""
    random = scenario.random("workload")
    total = scenario.tpm * scenario.minutes
    match scenario.workload:
        case "uniform":
            jobs = _backlog(random, total, _small)
        case "heavy":
            jobs = _backlog(random, total, _heavy)
        case "bursty":
            jobs = _bursts(random, total * _BURST_MINUTES * MINUTE_S / _BURST_EVERY_S, scenario.tpm * _BURST_MINUTES)
        case "half":
            jobs = _stream(random, scenario)
        case "minority":
            jobs = [*_backlog(random, total, _small), *_minority(random, scenario.minutes * MINUTE_S * 0.9)]
    jobs.sort(key=lambda job: job.arrival_s)
    for number, job in enumerate(jobs):
        job.id = number
    return jobs


def lower_bound_s(jobs: Sequence[Job], limits: Limits) -> float:
    """No schedule can admit the last job before this: after any moment a, the tokens that arrive from then on need
    60 (T/TPM - 1) seconds beyond a full window, and the requests likewise (docs/quota-benchmark.md)."""
    bound, tokens = 0.0, 0
    for count, job in enumerate(sorted(jobs, key=lambda job: -job.arrival_s), 1):
        tokens += job.tokens
        for_tokens = MINUTE_S * (tokens / limits.tpm - 1)
        for_requests = limits.request_window_length_s * (count / limits.requests_per_window - 1)
        bound = max(bound, job.arrival_s + max(0.0, for_tokens, for_requests))
    return bound


def _small(random: Random, arrival_s: float) -> Job:
    return Job(0, arrival_s, random.randint(200, 300), 150, random.randint(60, 150))


def _heavy(random: Random, arrival_s: float) -> Job:
    tokens = min(LARGEST_TOKENS, max(300, int(random.paretovariate(1.15) * 900)))
    max_tokens = tokens // 4
    return Job(0, arrival_s, tokens - max_tokens, max_tokens, min(4000, max(30, int(max_tokens * random.random()))))


def _mixed(random: Random, arrival_s: float) -> Job:
    return (_small if random.random() < 0.9 else _heavy)(random, arrival_s)


def _backlog(random: Random, tokens: float, make: Callable[[Random, float], Job]) -> list[Job]:
    jobs, made = [], 0
    while made < tokens:
        jobs.append(make(random, 0.0))
        made += jobs[-1].tokens
    return jobs


def _bursts(random: Random, tokens: float, burst: float) -> list[Job]:
    jobs: list[Job] = []
    made, at_s = 0, 3.0
    while made < tokens:
        some = _backlog(random, burst, _mixed)
        for job in some:
            job.arrival_s = at_s + 2 * random.random()
        jobs += some
        made += sum(job.tokens for job in some)
        at_s += _BURST_EVERY_S
    return jobs


def _stream(random: Random, scenario: Scenario) -> list[Job]:
    jobs: list[Job] = []
    at_s, made = 0.0, 0
    gap_s = 400 / (scenario.tpm / MINUTE_S / 2)  # a small job has 400 tokens on average
    while made < scenario.tpm * scenario.minutes / 2:
        at_s += random.expovariate(1 / gap_s)
        jobs.append(_small(random, at_s))
        made += jobs[-1].tokens
    return jobs


def _minority(random: Random, until_s: float) -> list[Job]:
    jobs: list[Job] = []
    at_s = 30.0 + random.expovariate(1 / _MINORITY_EVERY_S)
    while at_s < until_s:
        jobs.append(_small(random, at_s))
        jobs[-1].app = MINORITY_APP
        at_s += random.expovariate(1 / _MINORITY_EVERY_S)
    return jobs
