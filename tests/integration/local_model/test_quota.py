"""Limits over HTTP: headers, 429s, changes at run time, and what the SDK makes of them."""

import asyncio
from typing import Any

import pytest
from openai import AsyncAzureOpenAI, RateLimitError

from shared.model.tokens import estimate_request_tokens
from tests.integration.local_model.conftest import v1_client
from tests.support.model import ControlError, ModelServer, model_server

HELLO: list[Any] = [{"role": "user", "content": "hello"}]


async def headers_of_a_call(client: AsyncAzureOpenAI, model: str = "gpt-4o", max_tokens: int = 100) -> Any:
    answer = await client.chat.completions.with_raw_response.create(model=model, messages=HELLO, max_tokens=max_tokens)
    return answer.headers


async def rejection(client: AsyncAzureOpenAI, model: str = "gpt-4o", max_tokens: int = 100) -> RateLimitError:
    with pytest.raises(RateLimitError) as caught:
        await headers_of_a_call(client, model, max_tokens)
    return caught.value


async def test_every_answer_tells_limits_and_what_remains(azure: AsyncAzureOpenAI) -> None:
    headers = await headers_of_a_call(azure)

    charge = estimate_request_tokens(HELLO, 100)
    assert headers["x-ratelimit-limit-tokens"] == "100000"
    assert headers["x-ratelimit-remaining-tokens"] == str(100_000 - charge)
    assert headers["x-ratelimit-limit-requests"] == "6000"
    assert headers["x-ratelimit-remaining-requests"] == "999"


async def test_tokens_used_up(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.limit(tpm=1000)
    await headers_of_a_call(azure, max_tokens=900)

    error = await rejection(azure, max_tokens=900)

    body: Any = error.body
    assert body["code"] == "429"
    assert "ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21" in body["message"]
    assert "exceeded token rate limit" in body["message"]
    headers = error.response.headers
    assert 59 <= int(headers["retry-after"]) <= 60
    assert 58_000 < int(headers["retry-after-ms"]) <= 60_000
    assert 0 < int(headers["x-ratelimit-remaining-tokens"]) < 100
    stats = instant_server.stats()
    assert (stats["calls"], stats["throttled"]) == (2, 1)
    assert stats["tokens_charged"] == estimate_request_tokens(HELLO, 900)


async def test_requests_used_up(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.limit(rpm=12)
    for _ in range(2):
        await headers_of_a_call(azure)

    error = await rejection(azure)

    assert "exceeded call rate limit" in str(error)
    assert int(error.response.headers["retry-after"]) <= 10


async def test_a_call_over_the_whole_limit(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.limit(tpm=100)

    error = await rejection(azure, max_tokens=100)

    assert error.response.headers["retry-after"] == "86400"


async def test_deployments_have_limits_of_their_own(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    await headers_of_a_call(azure, model="small")
    instant_server.limit(deployment="small", tpm=100)

    await rejection(azure, model="small")
    await headers_of_a_call(azure, model="large")


@pytest.mark.parametrize(
    ("retry_after", "retry_after_ms"), [(None, None), ("0", None), ("-1", "-1"), ("86400", None), (None, "0")]
)
async def test_retry_headers_can_be_made_strange(
    instant_server: ModelServer, azure: AsyncAzureOpenAI, retry_after: str | None, retry_after_ms: str | None
) -> None:
    instant_server.limit(tpm=100)
    instant_server.inject({"kind": "retry_after", "retry_after": retry_after, "retry_after_ms": retry_after_ms})

    headers = (await rejection(azure)).response.headers

    assert (headers.get("retry-after"), headers.get("retry-after-ms")) == (retry_after, retry_after_ms)
    assert (await rejection(azure)).response.headers["retry-after"] == "86400"


async def test_a_burst_never_exceeds_the_limits(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.limit(tpm=2000, rpm=60)
    charge = estimate_request_tokens(HELLO, 300)

    outcomes = await asyncio.gather(
        *(headers_of_a_call(azure, max_tokens=300) for _ in range(20)), return_exceptions=True
    )

    rejected = [outcome for outcome in outcomes if isinstance(outcome, RateLimitError)]
    assert len(outcomes) - len(rejected) == 2000 // charge
    assert instant_server.stats()["tokens_charged"] == 2000 // charge * charge


async def test_a_charge_factor_is_visible_in_what_remains(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.limit(charge_factor=2)

    headers = await headers_of_a_call(azure, max_tokens=100)

    assert headers["x-ratelimit-remaining-tokens"] == str(100_000 - 2 * estimate_request_tokens(HELLO, 100))


async def test_refund_on_completion(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.limit(tpm=1000, refund=True)

    for _ in range(5):
        await headers_of_a_call(azure, max_tokens=900)


async def test_embeddings_are_charged_for_their_input_only(instant_server: ModelServer) -> None:
    async with v1_client(instant_server) as client:
        answer = await client.embeddings.with_raw_response.create(model="ada", input=["hello", "hello"])

    assert answer.headers["x-ratelimit-remaining-tokens"] == str(100_000 - 2)


async def test_the_sdk_waits_as_told_and_succeeds() -> None:
    with model_server("--engine", "instant", "--rpm", "600", "--request-window", "1") as server:
        async with AsyncAzureOpenAI(
            azure_endpoint=server.url, api_key="any", api_version="2024-10-21", max_retries=2
        ) as client:
            for _ in range(11):
                await headers_of_a_call(client)

        stats = server.stats()
        assert stats["by_status"] == {"200": 11, "429": stats["throttled"]}
        assert stats["throttled"] >= 1


def test_limits_can_be_read_and_wrong_changes_name_the_field(instant_server: ModelServer) -> None:
    assert instant_server.control("GET", "limits")["default"] == {
        "tpm": 100_000,
        "rpm": 6000,
        "token_window": "rolling",
        "request_window_s": 10,
        "refund": False,
        "count_rejected": False,
        "charge_factor": 1.0,
        "enforced": True,
    }
    for field, value in {"tpm": 0, "rpm": "many", "token_window": "other", "colour": 1}.items():
        with pytest.raises(ControlError) as caught:
            instant_server.limit(**{field: value})
        assert (caught.value.status, caught.value.body["error"]["field"]) == (400, field)
