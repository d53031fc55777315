"""Azure OpenAI: the main implementation of ModelService."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from shared.config import OpenAISettings, openai_settings
from shared.errors import ConfigurationError, ContentFilteredError
from shared.model.azure_connection import AzureConnection
from shared.model.azure_transcription import AudioFile, AzureTranscriber
from shared.model.call_log import logged_call
from shared.model.client import ChatMessage, Completion, Transcription
from shared.model.openai_answers import REFUSAL
from shared.model.prompts import format_prompt
from shared.model.reasoning_models import ReasoningEffort, parameters_for
from shared.model.token_budget import TokenClient, within_budget
from shared.model.tokens import DEFAULT_MAX_TOKENS, estimate_request_tokens
from shared.quota.token_client import TokenClient as HttpTokenClient
from shared.resilience.retry import DEFAULT_POLICY, RetryPolicy, retry
from shared.telemetry.genai import ModelCall

if TYPE_CHECKING:
    import httpx2
    from azure.core.credentials_async import AsyncTokenCredential


class AzureOpenAIService:
    """Makes chat completions and transcriptions on one Azure OpenAI resource. Implements ModelService.

    An instance belongs to one event loop and is closed with `aclose` or `async with`.

    What isn't given comes from the settings: `AzureOpenAIService(app_id="my_app")` is enough in a configured app.

    Args:
        model: the deployment that is called where a call names none.
        app_id: on whose behalf, for the log and the token counter.
        token_counter_url: of a token counter to ask before each call; None where the caller holds a booking.
        token_counter_resource_uri: audience of the Entra token for the counter; None sends none.
        endpoint: address of the resource, such as "https://NAME.openai.azure.com".
        api_version: of the data plane; "v1" means the version-free path /openai/v1.
        api_key: None means Entra tokens of `credential`.
        credential: where tokens come from; None means DefaultAzureCredential.
        base_models: what model a deployment serves, where its name doesn't say so; decides how tokens are counted,
            and whether it takes the parameters of reasoning models.
        timeout_s: longest time for one call, getting a token included.
        settings: None means those of the environment.
        http_client: what requests go through; stays the caller's to close.
        token_counter_key: function key of the counter's app; None where it asks for none.
        token_client: asked for tokens instead of a counter at `token_counter_url`; stays the caller's to close.
        policy: how often `send_prompt` tries.
        sleep: how `send_prompt` waits between.
        transcription_timeout_s: longest time for one transcription: a long recording takes its time.

    Raises:
        ConfigurationError: no endpoint is given or set, it isn't an address, or the key can't be a key.
    """

    def __init__(
        self,
        model: str | None = None,
        app_id: str | None = None,
        token_counter_url: str | None = None,
        token_counter_resource_uri: str | None = None,
        *,
        endpoint: str | None = None,
        api_version: str | None = None,
        api_key: str | None = None,
        credential: "AsyncTokenCredential | None" = None,
        base_models: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        settings: OpenAISettings | None = None,
        http_client: "httpx2.AsyncClient | None" = None,
        token_counter_key: str | None = None,
        token_client: TokenClient | None = None,
        policy: RetryPolicy = DEFAULT_POLICY,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transcription_timeout_s: float = 300.0,
    ) -> None:
        found = settings or openai_settings()
        address = found.endpoint if endpoint is None else endpoint
        if address is None:
            raise ConfigurationError("The setting AZURE_OPENAI_ENDPOINT is missing.", field="endpoint")
        own = endpoint is None  # a key belongs to one resource: the set one is not for another endpoint
        self._connection = AzureConnection(
            endpoint=address,
            api_version=api_version or found.api_version,
            api_key=api_key or (found.api_key if own and credential is None else None),
            credential=credential,
            timeout_s=timeout_s or found.timeout_s,
            http_client=http_client,
        )
        self._transcriber = AzureTranscriber(self._connection, app_id, transcription_timeout_s)
        self._model = model or found.deployment
        self._app_id = app_id
        known = {found.deployment: found.base_model} if found.deployment and found.base_model else {}
        self._base_models = {**known, **(base_models or {})}
        self._token_client = token_client
        self._counter = (
            (token_counter_url, token_counter_resource_uri, token_counter_key) if token_counter_url else None
        )
        self._token_clients: dict[str, HttpTokenClient] = {}
        self._policy = policy
        self._sleep = sleep

    async def chat_completion(
        self,
        messages: Sequence[ChatMessage],
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        top_p: float | None = None,
        frequency_penalty: float | None = None,
        presence_penalty: float | None = None,
        stop: str | Sequence[str] | None = None,
        *,
        response_format: Mapping[str, Any] | None = None,
        reasoning_effort: ReasoningEffort | None = None,
        before_send: Callable[[], None] | None = None,
    ) -> Completion:
        """See ModelClient. No model is sent a parameter that its kind rejects (reasoning_models.py).

        Args:
            max_tokens: None means DEFAULT_MAX_TOKENS, so that every call has a known largest charge.
        """
        deployment, base_model = self._called(model)
        max_tokens = DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens
        body = {
            "model": deployment,
            "messages": messages,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "top_p": top_p,
            "frequency_penalty": frequency_penalty,
            "presence_penalty": presence_penalty,
            "stop": stop,
            "response_format": response_format,
            "reasoning_effort": reasoning_effort,
        }
        given = parameters_for(base_model, {name: value for name, value in body.items() if value is not None})
        # In a thread: the first count builds the tokenizer, and a long prompt takes its time.
        tokens = await asyncio.to_thread(estimate_request_tokens, messages, max_tokens, base_model, response_format)

        async def call() -> Completion:
            return await self._logged_call(given, tokens, before_send)

        budget = self._budget(deployment)
        completion = await (within_budget(budget, tokens, call) if budget else call())
        if completion.finish_reason in ("content_filter", REFUSAL):
            refuser = "content filter" if completion.finish_reason == "content_filter" else "model"
            raise ContentFilteredError(
                f"The {refuser} refuses to answer (deployment {deployment!r}, request id {completion.request_id})."
            )
        return completion

    async def transcribe(
        self,
        audio: bytes,
        filename: str,
        *,
        model: str | None = None,
        language: str | None = None,
        prompt: str | None = None,
        before_send: Callable[[], None] | None = None,
    ) -> Transcription:
        """See TranscriptionClient. Without segments where the model knows no times (the gpt-4o-transcribe family)."""
        deployment, base_model = self._called(model)
        return await self._transcriber.transcribe(
            AudioFile(audio, filename), deployment, base_model, language, prompt, before_send
        )

    def format_prompt(
        self,
        system_prompt: str,
        user_prompt: str,
        variables: Mapping[str, object] | None = None,
        examples: Sequence[tuple[str, str]] | None = None,
    ) -> list[ChatMessage]:
        """See shared.model.prompts.format_prompt."""
        return format_prompt(system_prompt, user_prompt, variables, examples)

    async def send_prompt(
        self,
        system_prompt: str,
        user_prompt: str,
        variables: Mapping[str, object] | None = None,
        examples: Sequence[tuple[str, str]] | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> str:
        """Render a prompt, call, and call again after transient errors (RetryPolicy). Waits in between.

        Returns:
            The answer's text; it ends early where it reached `max_tokens`.

        Raises:
            PermanentError: at once.
            TransientError: of the last attempt.
        """
        messages = self.format_prompt(system_prompt, user_prompt, variables, examples)

        async def call() -> Completion:
            return await self.chat_completion(messages, model, temperature, max_tokens)

        return (await retry(call, self._policy, sleep=self._sleep)).text

    async def aclose(self) -> None:
        """Close what this service opened itself."""
        for client in self._token_clients.values():
            await client.aclose()
        self._token_clients.clear()
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _called(self, model: str | None) -> tuple[str, str]:
        """The deployment to call, and the model that it serves."""
        deployment = model or self._model
        if not deployment:
            raise ConfigurationError("The call names no deployment, and there is no default.", field="model")
        return deployment, self._base_models.get(deployment, deployment)

    def _budget(self, deployment: str) -> TokenClient | None:
        """Who grants tokens for this deployment: each has a quota of its own."""
        if self._token_client is not None or self._counter is None:
            return self._token_client
        if deployment not in self._token_clients:
            url, resource_uri, key = self._counter
            self._token_clients[deployment] = HttpTokenClient(
                self._app_id or "default",
                url,
                resource_uri,
                use_auth=resource_uri is not None,
                deployment=deployment,
                function_key=key,
            )
        return self._token_clients[deployment]

    async def _logged_call(
        self, body: Mapping[str, Any], estimated_tokens: int, before_send: Callable[[], None] | None
    ) -> Completion:
        server, port = self._connection.server
        most = body.get("max_tokens", body.get("max_completion_tokens"))
        call = ModelCall("chat", body["model"], server, port, most, body.get("temperature"))
        with logged_call(self._app_id, call, estimated_tokens=estimated_tokens) as told:
            completion = await self._connection.send(body, before_send)
            told |= {
                "model": completion.model,
                "finish_reason": completion.finish_reason,
                "input_tokens": completion.usage.input_tokens,
                "output_tokens": completion.usage.output_tokens,
                "request_id": completion.request_id,
            }
            return completion
