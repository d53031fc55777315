"""Another server that speaks the OpenAI API (Ollama, vLLM, Azure OpenAI itself) answers chat.

Embeddings and speech stay with another engine: the one model name of SLUICE_MODEL_NAME is a chat model's.
"""

from collections.abc import Sequence
from typing import Any

import aiohttp

from local.model.engines.protocol import ChatCall, ChatResult, Engine, Transcript, UpstreamError
from shared.model.client import Usage

_TIMEOUT_S = 600.0
_PASSED_ON = ("retry-after", "retry-after-ms")


class RemoteEngine:
    """Implements Engine.

    Args:
        url: base of the API, such as "http://localhost:11434/v1".
        model: its name for the model; None sends the caller's.
        key: bearer token, or None.
        other: answers embeddings and transcriptions.
    """

    def __init__(self, url: str, model: str | None, key: str | None, other: Engine) -> None:
        self.name = f"remote: {url}"
        self._url = url.rstrip("/")
        self._model = model
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._other = other
        self._session: aiohttp.ClientSession | None = None

    async def chat(self, call: ChatCall) -> ChatResult:
        """See Engine. One call of ours is one call there, never repeated."""
        body = dict(call.payload)
        if self._model:
            body["model"] = self._model
        answer = await self._post("/chat/completions", body)
        try:
            choices, usage = answer["choices"], answer.get("usage")
            cut = any(choice.get("finish_reason") == "length" for choice in choices)
            return ChatResult(
                texts=[choice["message"].get("content") or "" for choice in choices],
                model=str(answer.get("model", self._model)),
                finish_reason="length" if cut else "stop",
                usage=Usage(usage["prompt_tokens"], usage["completion_tokens"]) if usage else None,
            )
        except (KeyError, TypeError, AttributeError):
            raise UpstreamError(502, _failure(f"{self._url} gave no chat completion.")) from None

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See Engine."""
        return await self._other.embed(texts)

    async def transcribe(self, audio: bytes, prompt: str | None = None) -> Transcript:
        """See Engine."""
        return await self._other.transcribe(audio, prompt)

    async def close(self) -> None:
        """See Engine."""
        if self._session is not None:
            await self._session.close()
        await self._other.close()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        try:
            async with self._session.post(self._url + path, json=body, headers=self._headers) as response:
                answer = await response.json(content_type=None)
                if response.status != 200:
                    headers = {name: response.headers[name] for name in _PASSED_ON if name in response.headers}
                    raise UpstreamError(response.status, _as_error(answer, response.status), headers)
        except TimeoutError:
            raise UpstreamError(504, _failure(f"{self._url} gave no answer in {_TIMEOUT_S:.0f} s.")) from None
        except (aiohttp.ClientError, ValueError) as error:
            raise UpstreamError(503, _failure(f"{self._url} can't be used: {type(error).__name__}.")) from None
        if not isinstance(answer, dict):
            raise UpstreamError(502, _failure(f"{self._url} gave no JSON object."))
        return answer


def _as_error(answer: Any, status: int) -> dict[str, Any]:
    is_error = isinstance(answer, dict) and isinstance(answer.get("error"), dict)
    return answer if is_error else _failure(f"The model server answered {status}.")


def _failure(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error", "param": None, "code": None}}
