"""The connection to one Azure OpenAI resource: identity, path, one request, errors.

openai and azure-identity are imported with the first request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.errors import ConfigurationError
from shared.model.client import Completion
from shared.model.openai_answers import parse_completion

if TYPE_CHECKING:
    import httpx2
    from azure.core.credentials_async import AsyncTokenCredential
    from openai import AsyncOpenAI

type _Operation = Callable[..., Awaitable[Any]]

TOKEN_SCOPE = "https://cognitiveservices.azure.com/.default"  # noqa: S105 - an address, no secret


class AzureConnection:
    """Sends requests. The arguments are those of AzureOpenAIService.

    Raises:
        ConfigurationError: the endpoint isn't an address, or the key can't be a key.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        api_version: str,
        api_key: str | None,
        credential: "AsyncTokenCredential | None",
        timeout_s: float,
        http_client: "httpx2.AsyncClient | None",
    ) -> None:
        self._endpoint = _checked_endpoint(endpoint)
        self._api_version = api_version
        self._api_key = _checked_key(api_key)
        self._credential = credential
        self._timeout_s = timeout_s
        self._http_client = http_client
        self._sdk: AsyncOpenAI | None = None
        self._owned_credential: AsyncTokenCredential | None = None
        self._provider: Callable[[], Awaitable[str]] | None = None

    @property
    def server(self) -> tuple[str, int | None]:
        """Host of the endpoint, and its port where that isn't the usual one of HTTPS."""
        parts = urlsplit(self._endpoint)
        return parts.hostname or "", None if parts.port == 443 else parts.port

    async def send(self, body: Mapping[str, Any], before_send: Callable[[], None] | None = None) -> Completion:
        """Ask for a chat completion.

        Args:
            body: of the chat completions API; `model` is the deployment.
            before_send: see ModelClient.

        Raises:
            SluiceError: see openai_errors.py.
        """

        def operation(sdk: "AsyncOpenAI") -> _Operation:
            return sdk.chat.completions.with_raw_response.create

        return parse_completion(*await self._send(operation, body, before_send, self._timeout_s))

    async def send_audio(
        self, form: Mapping[str, Any], before_send: Callable[[], None] | None, timeout_s: float
    ) -> tuple[bytes, Mapping[str, str]]:
        """Ask for a transcription.

        Args:
            form: of the transcriptions API; `model` is the deployment.
            before_send: see ModelClient.
            timeout_s: longest time for the call.

        Returns:
            Body and headers of the answer.

        Raises:
            SluiceError: see openai_errors.py.
        """

        def operation(sdk: "AsyncOpenAI") -> _Operation:
            return sdk.audio.transcriptions.with_raw_response.create

        return await self._send(operation, {**form, "timeout": timeout_s}, before_send, timeout_s)

    async def _send(
        self,
        operation: Callable[["AsyncOpenAI"], _Operation],
        arguments: Mapping[str, Any],
        before_send: Callable[[], None] | None,
        timeout_s: float,
    ) -> tuple[bytes, Mapping[str, str]]:
        """Make one request."""
        from shared.model.openai_errors import FOREIGN_ERRORS, sluice_error

        try:
            async with asyncio.timeout(timeout_s):
                # Looked up first: the SDK imports its parts when they are first used, which takes tenths of a second.
                call = operation(self._client())
                if self._provider is not None:
                    await self._provider()  # kept until it expires, so that the SDK needn't wait for it
                if before_send is not None:
                    before_send()
                response = await call(**arguments)
        except FOREIGN_ERRORS as error:
            failure = sluice_error(error, arguments["model"])
        else:
            return response.content, response.headers
        # Raised out here: as its context, the SDK's error would bring the prompt it quotes into tracebacks.
        raise failure

    async def aclose(self) -> None:
        """Close what was opened here. A client or credential that was passed in stays open."""
        if self._sdk is not None and self._http_client is None:
            await self._sdk.close()
        if self._owned_credential is not None:
            await self._owned_credential.close()

    def _client(self) -> "AsyncOpenAI":
        if self._sdk is None:
            from openai import AsyncAzureOpenAI, AsyncOpenAI

            # The SDK's own retries are off: each physical call is booked and decided on by us.
            common: dict[str, Any] = {
                "max_retries": 0,
                "timeout": self._timeout_s,
                "http_client": self._http_client,
            }
            if self._api_version == "v1":
                key = self._api_key or self._token_provider()
                self._sdk = AsyncOpenAI(base_url=f"{self._endpoint}/openai/v1", api_key=key, **common)
            else:
                self._sdk = AsyncAzureOpenAI(
                    azure_endpoint=self._endpoint,
                    api_version=self._api_version,
                    api_key=self._api_key,
                    azure_ad_token_provider=None if self._api_key else self._token_provider(),
                    **common,
                )
        return self._sdk

    def _token_provider(self) -> Callable[[], Awaitable[str]]:
        from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider

        credential = self._credential
        if credential is None:
            credential = self._owned_credential = DefaultAzureCredential()
        self._provider = get_bearer_token_provider(credential, TOKEN_SCOPE)
        return self._provider


def _checked_endpoint(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"The Azure OpenAI endpoint must be an address like https://NAME.openai.azure.com, not {endpoint!r}.",
            field="AZURE_OPENAI_ENDPOINT",
        )
    return endpoint.rstrip("/")


def _checked_key(api_key: str | None) -> str | None:
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key == api_key.strip()):
        raise ConfigurationError(
            "AZURE_OPENAI_API_KEY holds characters that no key has, such as a line break.", field="AZURE_OPENAI_API_KEY"
        )
    return api_key or None
