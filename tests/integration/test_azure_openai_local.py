"""AzureOpenAIService against the local model server: the answers, limits and errors of Azure OpenAI."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from shared.errors import (
    ContentFilteredError,
    InvalidOutputError,
    ModelRequestError,
    ModelUnavailableError,
    RateLimitedError,
    SluiceError,
    UnknownDeploymentError,
)
from shared.model.azure_openai import AzureOpenAIService
from shared.model.client import ChatMessage
from shared.model.structured import parse_output, response_format_for
from shared.model.tokens import count_message_tokens, estimate_request_tokens
from shared.resilience.retry import RetryPolicy
from tests.support.model import ModelServer, model_server

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["good", "bad"]}, "score": {"type": "number"}},
    "required": ["label", "score"],
    "additionalProperties": False,
}
SECRET = "my card number is 4111"
MESSAGES: list[ChatMessage] = [{"role": "system", "content": "You judge."}, {"role": "user", "content": SECRET}]


@pytest.fixture(scope="module")
def running_server() -> Iterator[ModelServer]:
    with model_server("--engine", "instant", "--deployments", "chat:gpt-4o-mini", "thinker:o3-mini") as server:
        yield server


@pytest.fixture
def server(running_server: ModelServer) -> ModelServer:
    running_server.reset()
    return running_server


@pytest.fixture(params=["2024-10-21", "v1"])
async def service(server: ModelServer, request: pytest.FixtureRequest) -> AsyncIterator[AzureOpenAIService]:
    async with AzureOpenAIService(
        "chat",
        endpoint=server.url,
        api_key="any",
        api_version=request.param,
        base_models={"thinker": "o3-mini"},
        policy=RetryPolicy(base_s=0.01),
    ) as service:
        yield service


async def test_structured_output(service: AzureOpenAIService) -> None:
    completion = await service.chat_completion(
        MESSAGES, temperature=0, max_tokens=200, response_format=response_format_for("verdict", SCHEMA)
    )
    assert parse_output(completion.text, SCHEMA, completion.finish_reason)["label"] in ("good", "bad")
    assert completion.request_id


async def test_the_estimate_is_what_the_endpoint_charges(service: AzureOpenAIService) -> None:
    completion = await service.chat_completion(MESSAGES, max_tokens=200)
    assert completion.usage.input_tokens == count_message_tokens(MESSAGES)
    assert completion.quota.limit_tokens is not None
    assert completion.quota.remaining_tokens is not None
    charged = completion.quota.limit_tokens - completion.quota.remaining_tokens
    assert charged == estimate_request_tokens(MESSAGES, 200)


async def test_a_reasoning_model_gets_its_own_parameters(service: AzureOpenAIService) -> None:
    completion = await service.chat_completion(MESSAGES, "thinker", temperature=0.5, max_tokens=200)
    assert completion.finish_reason == "stop"


async def test_the_quota_is_used_up(service: AzureOpenAIService, server: ModelServer) -> None:
    server.limit(deployment="chat", tpm=1000)
    await service.chat_completion(MESSAGES, max_tokens=900)
    with pytest.raises(RateLimitedError) as caught:
        await service.chat_completion(MESSAGES, max_tokens=900)
    assert caught.value.retry_after_s is not None
    assert 0 < caught.value.retry_after_s <= 60


@pytest.mark.parametrize("retry_after", [None, "0", "-1", "soon"])
async def test_429_without_a_usable_wait(
    service: AzureOpenAIService, server: ModelServer, retry_after: str | None
) -> None:
    server.inject({"kind": "status", "status": 429, "headers": {"retry-after": retry_after, "retry-after-ms": None}})
    with pytest.raises(RateLimitedError) as caught:
        await service.chat_completion(MESSAGES)
    assert caught.value.retry_after_s is None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "content_filter", "on": "prompt"}, ContentFilteredError),
        ({"kind": "content_filter", "on": "completion"}, ContentFilteredError),
        ({"kind": "status", "status": 503}, ModelUnavailableError),
        ({"kind": "drop", "at": "before_reading"}, ModelUnavailableError),
        ({"kind": "drop", "at": "before_answering"}, ModelUnavailableError),
        ({"kind": "drop", "at": "mid_body"}, ModelUnavailableError),
        ({"kind": "invalid_json"}, ModelUnavailableError),
    ],
    ids=str,
)
async def test_faults(
    service: AzureOpenAIService, server: ModelServer, fault: dict[str, Any], expected: type[SluiceError]
) -> None:
    server.inject(fault)
    with pytest.raises(expected) as caught:
        await service.chat_completion(MESSAGES)
    assert SECRET not in str(caught.value)
    await service.chat_completion(MESSAGES)  # the connection is usable again


@pytest.mark.parametrize("kind", ["invalid_content", "schema_violation", "truncate"])
async def test_answers_that_break_the_schema(service: AzureOpenAIService, server: ModelServer, kind: str) -> None:
    server.inject({"kind": kind})
    completion = await service.chat_completion(MESSAGES, response_format=response_format_for("verdict", SCHEMA))
    with pytest.raises(InvalidOutputError):
        parse_output(completion.text, SCHEMA, completion.finish_reason)


async def test_an_unknown_deployment(service: AzureOpenAIService) -> None:
    with pytest.raises(UnknownDeploymentError, match="'nobody'"):
        await service.chat_completion(MESSAGES, "nobody")


async def test_a_rejected_request(service: AzureOpenAIService) -> None:
    with pytest.raises(ModelRequestError, match="parameter temperature"):
        await service.chat_completion(MESSAGES, temperature=9.0)


async def test_send_prompt_gets_through_a_bad_moment(service: AzureOpenAIService, server: ModelServer) -> None:
    headers = {"retry-after-ms": "1", "retry-after": None}
    server.inject({"kind": "status", "status": 429, "headers": headers})
    assert await service.send_prompt("You help.", "Tell me about {topic}.", {"topic": "AI"})
    assert server.stats()["by_status"] == {"429": 1, "200": 1}
