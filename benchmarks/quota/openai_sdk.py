"""The `openai` package on its own: call, and leave 429s to its retries (2 by default, as the answer's headers say)."""

import httpx2
import openai

from benchmarks.quota.answers import API_VERSION, BASE_URL, DEPLOYMENT, JOB_HEADER, answer_http, messages
from benchmarks.quota.callers import Callers, GaveUpError
from benchmarks.quota.workload import Job
from benchmarks.quota.world import Instance, World


class EndpointTransport(httpx2.AsyncBaseTransport):
    """Answers the SDK's requests from the emulated endpoint."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        job = self._world.jobs[int(request.headers[JOB_HEADER])]
        status, headers, body = await answer_http(self._world.endpoint, job)
        return httpx2.Response(status, headers=headers, content=body, request=request)


class OpenAISdk(Callers):
    """The algorithm. Each instance has a client of its own."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._clients = [
            openai.AsyncAzureOpenAI(
                azure_endpoint=BASE_URL,
                api_key="none",
                api_version=API_VERSION,
                http_client=httpx2.AsyncClient(transport=EndpointTransport(world)),
            )
            for _ in range(world.scenario.instances)
        ]

    async def call(self, job: Job, instance: Instance) -> None:
        try:
            await self._clients[instance.number].chat.completions.create(
                model=DEPLOYMENT,
                messages=messages(job),
                max_tokens=job.max_tokens,
                extra_headers={JOB_HEADER: str(job.id)},
            )
        except openai.RateLimitError as error:
            raise GaveUpError from error
