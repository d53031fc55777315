"""`aiolimiter`, the quota split evenly among the instances, in front of the `openai` package's own retries.

Each instance has a leaky bucket of its share of the tokens a minute, and one of its share of the request window. A job
larger than the share can't ever be acquired (aiolimiter raises ValueError), so it acquires the whole share instead.
"""

from aiolimiter import AsyncLimiter

from benchmarks.quota.openai_sdk import OpenAISdk
from benchmarks.quota.workload import Job
from benchmarks.quota.world import Instance, World
from local.model.limits import MINUTE_S


class AiolimiterSplit(OpenAISdk):
    """The algorithm."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        limits, instances = world.scenario.limits, world.scenario.instances
        window_s = limits.request_window_length_s
        self._tokens = [AsyncLimiter(limits.tpm / instances, MINUTE_S) for _ in range(instances)]
        self._requests = [AsyncLimiter(limits.requests_per_window / instances, window_s) for _ in range(instances)]

    async def call(self, job: Job, instance: Instance) -> None:
        requests, tokens = self._requests[instance.number], self._tokens[instance.number]
        await requests.acquire(min(1, requests.max_rate))
        await tokens.acquire(min(job.tokens, tokens.max_rate))
        await super().call(job, instance)
