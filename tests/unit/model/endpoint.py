"""A model endpoint behind a faked transport."""

import json
from typing import Any

import httpx2

from shared.model.azure_openai import AzureOpenAIService
from shared.model.client import ChatMessage

ENDPOINT = "https://example.openai.azure.com"
SECRET = "my card number is 4111"
MESSAGES: list[ChatMessage] = [{"role": "user", "content": SECRET}]


def answer(text: str | None = "Hello.", finish_reason: str = "stop", **message: Any) -> httpx2.Response:
    body = {
        "model": "gpt-4o-2024-08-06",
        "choices": [{"message": {"content": text, **message}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3},
    }
    return httpx2.Response(200, json=body, headers={"x-ratelimit-remaining-tokens": "900", "apim-request-id": "r1"})


def error_answer(status: int, code: str = "", headers: dict[str, str] | None = None) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"code": code, "message": SECRET}}, headers=headers)


class Endpoint:
    """Answers with one step after the other, and keeps the requests."""

    def __init__(self, *steps: httpx2.Response | Exception) -> None:
        self.requests: list[httpx2.Request] = []
        self.slept: list[float] = []
        self._steps = list(steps)

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def _sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._handle))

    def service(self, model: str | None = "chat", **options: Any) -> AzureOpenAIService:
        options = {"api_key": "key-1", "endpoint": ENDPOINT, "sleep": self._sleep, **options}
        return AzureOpenAIService(model, "app-1", http_client=self.client(), **options)

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.requests[-1].content)
        return body
