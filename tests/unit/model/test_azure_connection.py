"""How AzureOpenAIService reaches its endpoint: addresses, identities, time."""

import asyncio
from typing import Any

import httpx2
import pytest
from azure.core.credentials import AccessToken
from azure.identity import CredentialUnavailableError

from shared.errors import AccessDeniedError, ConfigurationError, ModelTimeoutError
from shared.model.azure_openai import AzureOpenAIService
from tests.unit.model.endpoint import ENDPOINT, MESSAGES, SECRET, Endpoint, answer


class StaticCredential:
    """Gives one token, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.scopes: list[str] = []
        self.closed = False
        self._error = error

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        if self._error:
            raise self._error
        self.scopes.extend(scopes)
        return AccessToken("token-1", 4_000_000_000)

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> "StaticCredential":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def test_the_version_free_path() -> None:
    endpoint = Endpoint(answer(), answer())
    await endpoint.service(api_version="v1").chat_completion(MESSAGES)
    await endpoint.service(api_version="v1", api_key=None, credential=StaticCredential()).chat_completion(MESSAGES)
    assert [str(r.url) for r in endpoint.requests] == [f"{ENDPOINT}/openai/v1/chat/completions"] * 2
    assert [r.headers["authorization"] for r in endpoint.requests] == ["Bearer key-1", "Bearer token-1"]


async def test_entra_tokens() -> None:
    endpoint, credential = Endpoint(answer()), StaticCredential()
    async with endpoint.service(api_key=None, credential=credential, api_version="2025-01-01-preview") as service:
        await service.chat_completion(MESSAGES, model="other deployment")
    request = endpoint.requests[0]
    assert request.headers["authorization"] == "Bearer token-1"
    assert "api-key" not in request.headers
    assert "/deployments/other%20deployment/" in str(request.url)
    assert request.url.params["api-version"] == "2025-01-01-preview"
    assert credential.scopes == ["https://cognitiveservices.azure.com/.default"]
    assert not credential.closed, "it is the caller's"


async def test_no_identity() -> None:
    endpoint, credential = Endpoint(), StaticCredential(CredentialUnavailableError(SECRET))
    with pytest.raises(AccessDeniedError, match="az login"):
        await endpoint.service(api_key=None, credential=credential).chat_completion(MESSAGES)


@pytest.mark.parametrize("endpoint", ["", "example.openai.azure.com", "ftp://x", "https://", "http://[", "http://a:b"])
def test_the_endpoint_must_be_an_address(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="must be an address"):
        AzureOpenAIService("m", endpoint=endpoint, api_key="k")


@pytest.mark.parametrize("key", ["abc\n", " abc", "ab\u00e9"])
def test_the_key_must_be_a_key(key: str) -> None:
    with pytest.raises(ConfigurationError, match="AZURE_OPENAI_API_KEY") as caught:
        AzureOpenAIService("m", endpoint=ENDPOINT, api_key=key)
    assert key not in str(caught.value)


async def test_a_client_that_was_passed_in_stays_open() -> None:
    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer()))
    async with AzureOpenAIService("m", endpoint=ENDPOINT, api_key="k", http_client=http_client) as service:
        await service.chat_completion(MESSAGES)
    assert not http_client.is_closed
    await http_client.aclose()


async def test_time_limit_of_the_whole_call() -> None:
    async def never(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(never))
    service = AzureOpenAIService("m", endpoint=ENDPOINT, api_key="k", timeout_s=0.05, http_client=http_client)
    with pytest.raises(ModelTimeoutError):
        await service.chat_completion(MESSAGES)


async def test_the_default_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only the Azure CLI is asked, and not found: no other source may answer, or keep the test waiting.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    monkeypatch.setenv("PATH", "")
    async with AzureOpenAIService("m", endpoint=ENDPOINT) as service:
        with pytest.raises(AccessDeniedError, match="az login"):
            await service.chat_completion(MESSAGES)
