"""The emulated model endpoint: its limits are those of `local.model.limits`, its time is virtual."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.quota.timeline import Clock
from benchmarks.quota.workload import Job
from local.model.limits import Decision, Limiter, Limits

# One way to the endpoint (30-80 ms a round trip were measured; a new connection costs more), and back.
_SEND_S = (0.02, 0.08)
_RETURN_S = 0.03
_FIRST_TOKEN_S = 0.4
_TOKEN_S = 0.012


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller gets.

    Attributes:
        arrived_s: when the endpoint decided.
    """

    decision: Decision
    arrived_s: float

    @property
    def admitted(self) -> bool:
        return self.decision.exceeded is None

    @property
    def headers(self) -> dict[str, str]:
        """As Azure OpenAI sends them."""
        limits = self.decision.limits
        headers = {
            "x-ratelimit-limit-requests": str(limits.rpm),
            "x-ratelimit-limit-tokens": str(limits.tpm),
            "x-ratelimit-remaining-requests": str(self.decision.remaining_requests),
            "x-ratelimit-remaining-tokens": str(self.decision.remaining_tokens),
        }
        if not self.admitted:
            wait_s = self.decision.retry_after_s
            headers |= {"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(math.ceil(wait_s * 1000))}
        return headers


class Endpoint:
    """One deployment.

    Attributes:
        admissions: when it admitted what charge, in order.
        rejections: 429s because of tokens, and because of requests.
    """

    def __init__(self, clock: Clock, limits: Limits, random: Random) -> None:
        self._clock = clock
        self._random = random
        self.limits = limits
        self._limiter = Limiter(limits, phase_s=random.uniform(0, 60))  # callers can't know when its minutes begin
        self.admissions: list[tuple[float, int]] = []
        self.rejections = {"token": 0, "call": 0}

    def post(self, job: Job, reply: Callable[[Answer], object]) -> None:
        """Send the job's call now; `reply(answer)` is called when the answer is back.

        A rejection is back after a round trip; an answer after the time that its output takes to write.
        """
        job.sent_s = self._clock.now_s
        self._clock.at(job.sent_s + self._random.uniform(*_SEND_S), self._arrive, job, reply)

    def _arrive(self, job: Job, reply: Callable[[Answer], object]) -> None:
        now_s = self._clock.now_s
        charge = self.limits.charge(job.prompt_tokens, job.max_tokens)
        decision = self._limiter.admit(now_s, charge)
        if decision.exceeded is None:
            self.admissions.append((now_s, charge))
            job.started_s = now_s
            delay_s = _FIRST_TOKEN_S + job.output_tokens * _TOKEN_S * self._random.lognormvariate(0, 0.25)
        else:
            self.rejections[decision.exceeded] += 1
            delay_s = _RETURN_S
        self._clock.at(now_s + delay_s, reply, Answer(decision, now_s))
