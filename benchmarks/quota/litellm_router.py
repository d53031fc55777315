"""LiteLLM's Router with its routing by tokens and requests a minute, and its own retries.

All instances share one Router with the deployment's limits, as those do that call one LiteLLM gateway; the way to the
gateway costs nothing here. A Router for each would need a process for each: in one process, they share their counters.
LiteLLM reads the wall clock to know which minute it counts in: `time-machine` makes that show virtual time.
"""

import asyncio
import os
import random
from typing import Any

# Read on import: the table of prices that is built in, instead of one from the internet.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import httpx
import litellm
import time_machine

from benchmarks.quota.answers import API_VERSION, BASE_URL, DEPLOYMENT, JOB_HEADER, answer_http, messages
from benchmarks.quota.callers import Callers, GaveUpError
from benchmarks.quota.virtual_loop import VirtualTimeLoop
from benchmarks.quota.workload import Job
from benchmarks.quota.world import Instance, World

# A full minute, so that its minutes begin at virtual 0, 60, 120...
_EPOCH_S = 1_800_000_000


class EndpointTransport(httpx.AsyncBaseTransport):
    """Answers the requests of LiteLLM's client from the emulated endpoint."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        job = self._world.jobs[int(request.headers[JOB_HEADER])]
        status, headers, body = await answer_http(self._world.endpoint, job)
        return httpx.Response(status, headers=headers, content=body, request=request)


class LiteLLMRouter(Callers):
    """The algorithm. One run a process: it changes the process's clock and LiteLLM's globals."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        random.seed(world.scenario.seed)  # jitter of its retries
        traveller = time_machine.travel(_EPOCH_S, tick=False).start()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.on_advance(lambda now_s: traveller.move_to(_EPOCH_S + now_s))
        litellm.aclient_session = httpx.AsyncClient(transport=EndpointTransport(world))
        litellm.suppress_debug_info = True
        limits = world.scenario.limits
        parameters: dict[str, Any] = {
            "model": f"azure/{DEPLOYMENT}",
            "api_base": BASE_URL,
            "api_key": "none",
            "api_version": API_VERSION,
            "tpm": limits.tpm,
            "rpm": limits.rpm,
        }
        self._router = litellm.Router(
            model_list=[{"model_name": DEPLOYMENT, "litellm_params": parameters}],
            routing_strategy="usage-based-routing-v2",
        )

    async def call(self, job: Job, instance: Instance) -> None:
        del instance
        try:
            await self._router.acompletion(
                model=DEPLOYMENT,
                messages=messages(job),
                max_tokens=job.max_tokens,
                extra_headers={JOB_HEADER: str(job.id)},
            )
        except litellm.RateLimitError as error:
            raise GaveUpError from error
