"""AzureOpenAIService over a faked transport: what goes over the wire, and what comes of the answers."""

import logging
import subprocess
import sys

import httpx2
import pytest

from shared.errors import (
    ConfigurationError,
    ContentFilteredError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitedError,
)
from shared.model.azure_openai import AzureOpenAIService
from shared.model.client import Completion, ModelClient, QuotaHeaders, Usage
from shared.model.tokens import DEFAULT_MAX_TOKENS, estimate_request_tokens
from tests.fakes import RecordingTokenClient
from tests.unit.model.endpoint import ENDPOINT, MESSAGES, SECRET, Endpoint, answer, error_answer


async def test_a_call_to_a_deployment() -> None:
    endpoint = Endpoint(answer())
    client: ModelClient = endpoint.service()
    completion = await client.chat_completion(
        MESSAGES, temperature=0.0, max_tokens=50, stop=["END"], response_format={"type": "json_object"}
    )
    assert completion == Completion(
        "Hello.", "gpt-4o-2024-08-06", "stop", Usage(12, 3), QuotaHeaders(remaining_tokens=900), "r1"
    )
    request = endpoint.requests[0]
    assert str(request.url) == f"{ENDPOINT}/openai/deployments/chat/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == "key-1"
    assert endpoint.body() == {
        "model": "chat",
        "messages": MESSAGES,
        "temperature": 0.0,
        "max_tokens": 50,
        "stop": ["END"],
        "response_format": {"type": "json_object"},
    }


async def test_every_call_has_a_largest_answer() -> None:
    endpoint = Endpoint(answer())
    await endpoint.service().chat_completion(MESSAGES)
    assert endpoint.body() == {"model": "chat", "messages": MESSAGES, "max_tokens": DEFAULT_MAX_TOKENS}


@pytest.mark.parametrize(
    ("base_model", "reasons"),
    [
        ("o1", True),
        ("o3-mini", True),
        ("o4-mini", True),
        ("gpt-5", True),
        ("gpt-5-mini", True),
        ("gpt-5.1", True),
        ("gpt-5-chat", False),
        ("gpt-4o", False),
        ("o1000-our-name", False),
    ],
)
async def test_parameters_of_reasoning_models(base_model: str, reasons: bool) -> None:
    endpoint = Endpoint(answer())
    service = endpoint.service(base_models={"chat": base_model})
    await service.chat_completion(
        MESSAGES, temperature=0.5, max_tokens=9, top_p=0.9, frequency_penalty=0.1, presence_penalty=0.2, stop="x"
    )
    sampling = {"temperature": 0.5, "top_p": 0.9, "frequency_penalty": 0.1, "presence_penalty": 0.2}
    limits = {"max_completion_tokens": 9} if reasons else {"max_tokens": 9, **sampling}
    assert endpoint.body() == {"model": "chat", "messages": MESSAGES, "stop": "x", **limits}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (error_answer(429, headers={"retry-after": "3"}), RateLimitedError),
        (error_answer(500), ModelUnavailableError),
        (error_answer(408), ModelTimeoutError),
        (error_answer(400, "content_filter"), ContentFilteredError),
        (httpx2.Response(200, text=SECRET), ModelUnavailableError),
        (
            httpx2.Response(
                200, content=b'{"model": "' + SECRET.encode(), headers={"content-type": "application/json"}
            ),
            ModelUnavailableError,
        ),
        (answer(None, "content_filter"), ContentFilteredError),
        (answer(None, "stop", refusal="no"), ContentFilteredError),
        (httpx2.ConnectError(SECRET), ModelUnavailableError),
        (httpx2.ReadTimeout(SECRET), ModelTimeoutError),
    ],
    ids=str,
)
async def test_one_call_is_one_request(response: httpx2.Response | Exception, expected: type[Exception]) -> None:
    endpoint = Endpoint(response)
    with pytest.raises(expected) as caught:
        await endpoint.service().chat_completion(MESSAGES)
    assert len(endpoint.requests) == 1
    seen: BaseException | None = caught.value
    while seen is not None:  # a log may show contexts that a traceback hides
        assert SECRET not in str(seen)
        seen = seen.__context__


async def test_send_prompt() -> None:
    endpoint = Endpoint(answer("About AI."))
    text = await endpoint.service().send_prompt(
        "You help.", "Tell me about {topic}.", {"topic": "AI"}, [("q", "a")], "other", 0.2, 70
    )
    assert text == "About AI."
    assert endpoint.body() == {
        "model": "other",
        "messages": [
            {"role": "system", "content": "You help."},
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "Tell me about AI."},
        ],
        "temperature": 0.2,
        "max_tokens": 70,
    }


async def test_send_prompt_waits_as_long_as_asked_and_tries_again() -> None:
    endpoint = Endpoint(
        error_answer(429, headers={"retry-after-ms": "20000"}), httpx2.ConnectError("refused"), answer()
    )
    assert await endpoint.service().send_prompt("s", "u") == "Hello."
    assert len(endpoint.requests) == 3
    assert 20 <= endpoint.slept[0] <= 21
    assert 0 <= endpoint.slept[1] <= 2


async def test_send_prompt_gives_up() -> None:
    endpoint = Endpoint(*[error_answer(503)] * 9)
    with pytest.raises(ModelUnavailableError):
        await endpoint.service().send_prompt("s", "u")
    assert len(endpoint.requests) == 5


async def test_permanent_errors_are_not_tried_again() -> None:
    endpoint = Endpoint(error_answer(400))
    with pytest.raises(Exception, match="rejects the request"):
        await endpoint.service().send_prompt("s", "u")
    assert (len(endpoint.requests), endpoint.slept) == (1, [])


async def test_tokens_are_locked_and_reported_for_each_try() -> None:
    tokens, endpoint = RecordingTokenClient(), Endpoint(error_answer(429), answer())
    await endpoint.service(token_client=tokens).send_prompt("", "hello", max_tokens=100)
    locked = ("lock", estimate_request_tokens([{"role": "user", "content": "hello"}], 100))
    assert tokens.events == [locked, ("release", "t1:r1"), locked, ("report", "t1:r1", 12, 3)]


async def test_a_filtered_answer_is_reported_as_used() -> None:
    tokens, endpoint = RecordingTokenClient(), Endpoint(answer(None, "content_filter"))
    with pytest.raises(ContentFilteredError):
        await endpoint.service(token_client=tokens).chat_completion(MESSAGES)
    assert tokens.events[-1] == ("report", "t1:r1", 12, 3)


async def test_the_log_has_numbers_and_no_text(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint(answer("the secret answer"), error_answer(429))
    service = endpoint.service()
    with caplog.at_level(logging.DEBUG, logger="shared"):
        await service.chat_completion(MESSAGES)
        with pytest.raises(RateLimitedError):
            await service.chat_completion(MESSAGES)
    done, failed = [record for record in caplog.records if record.name.startswith("shared")]
    for part in ("model_called", "app_id=app-1", "deployment=chat", "input_tokens=12", "output_tokens=3", "estimated"):
        assert part in done.getMessage()
    assert "reason=rate_limited" in failed.getMessage()
    assert (done.levelno, failed.levelno) == (logging.INFO, logging.WARNING)
    assert "4111" not in caplog.text
    assert "secret answer" not in caplog.text


async def test_a_prompt_that_is_no_unicode() -> None:
    with pytest.raises(Exception, match="lone surrogate"):
        await Endpoint().service().chat_completion([{"role": "user", "content": "a\ud800"}])


async def test_a_call_must_name_a_deployment() -> None:
    with pytest.raises(ConfigurationError, match="names no deployment"):
        await Endpoint().service(model=None).chat_completion(MESSAGES)


def test_importing_stays_light() -> None:
    code = (
        "import sys, shared.model.azure_openai, shared.model.tokens, shared.model.prompts\n"
        "heavy = {'openai', 'tiktoken', 'azure.identity', 'httpx2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_alone_it_takes_what_it_needs_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", ENDPOINT)
    monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT_NAME", "from-settings")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-of-the-settings")
    endpoint = Endpoint(answer())
    async with AzureOpenAIService(app_id="my_app", http_client=endpoint.client()) as service:
        await service.chat_completion(MESSAGES)
    assert "/deployments/from-settings/" in str(endpoint.requests[0].url)
    assert endpoint.requests[0].headers["api-key"] == "key-of-the-settings"


def test_without_an_endpoint_it_says_which_setting_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    with pytest.raises(ConfigurationError, match="AZURE_OPENAI_ENDPOINT"):
        AzureOpenAIService(app_id="my_app")


async def test_a_counter_that_grants_nothing_means_no_call() -> None:
    endpoint = Endpoint(answer())
    service = AzureOpenAIService(
        "chat", "shop", "http://127.0.0.1:1", endpoint=ENDPOINT, api_key="k", http_client=endpoint.client()
    )
    async with service:
        with pytest.raises(RateLimitedError):
            await service.chat_completion(MESSAGES)
    assert endpoint.requests == []
