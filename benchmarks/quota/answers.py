"""The endpoint's answers as HTTP bodies, for client libraries that run unmodified."""

import json
import math
from typing import Any

from benchmarks.quota.callers import replied
from benchmarks.quota.endpoint import Answer, Endpoint
from benchmarks.quota.workload import Job
from local.model.azure_errors import too_many_requests

API_VERSION = "2024-10-21"
BASE_URL = "https://bench.openai.azure.com"
DEPLOYMENT = "gpt-4o"
# Names the job of a call: the library under test passes it on as any other header.
JOB_HEADER = "x-bench-job"


def messages(job: Job) -> list[Any]:
    """A chat of about `job.prompt_tokens` tokens, for libraries that count them themselves."""
    return [{"role": "user", "content": " a" * job.prompt_tokens}]


async def answer_http(endpoint: Endpoint, job: Job) -> tuple[int, dict[str, str], bytes]:
    """Post a job; its status, headers and body, as Azure OpenAI sends them."""
    answer: Answer = await replied(endpoint.post, job)
    headers = {**answer.headers, "content-type": "application/json"}
    if answer.admitted:
        return 200, headers, json.dumps(_completion(job)).encode()
    return 429, headers, json.dumps(_rejection(answer)).encode()


def _rejection(answer: Answer) -> object:
    exceeded = answer.decision.exceeded
    assert exceeded is not None
    return too_many_requests("chat", exceeded, API_VERSION, math.ceil(answer.decision.retry_after_s), {}).body


def _completion(job: Job) -> object:
    usage = {
        "prompt_tokens": job.prompt_tokens,
        "completion_tokens": job.output_tokens,
        "total_tokens": job.prompt_tokens + job.output_tokens,
    }
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "done"}}
    return {
        "id": f"chatcmpl-{job.id}",
        "object": "chat.completion",
        "created": 0,
        "model": DEPLOYMENT,
        "choices": [choice],
        "usage": usage,
    }
