"""Doubles for ports of shared/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import ModelUnavailableError
from shared.model.client import ChatMessage, Completion, Usage


@dataclass(frozen=True)
class ModelCall:
    """One call that a FakeModelClient got."""

    messages: list[ChatMessage]
    model: str | None
    options: dict[str, Any]


class FakeModelClient:
    """A ModelClient that gives scripted answers, in order, and keeps the calls.

    Args:
        answers: a text becomes a completion that used 10 + 5 tokens; an exception is raised. A call beyond the last
            answer fails the test.
    """

    def __init__(self, *answers: str | Completion | Exception) -> None:
        self._answers = list(answers)
        self.calls: list[ModelCall] = []

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
    ) -> Completion:
        """See ModelClient."""
        options = {
            "temperature": temperature,
            "max_tokens": max_tokens,
            "top_p": top_p,
            "frequency_penalty": frequency_penalty,
            "presence_penalty": presence_penalty,
            "stop": stop,
            "response_format": response_format,
        }
        given = {name: value for name, value in options.items() if value is not None}
        self.calls.append(ModelCall(list(messages), model, given))
        assert self._answers, f"call {len(self.calls)} has no scripted answer"
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            return Completion(answer, model or "fake", "stop", Usage(10, 5))
        return answer


class RecordingTokenClient:
    """A TokenClient that writes down what it is told.

    Args:
        grants: whether locks are granted.
        fails: whether reports and releases fail.
    """

    def __init__(self, *, grants: bool = True, fails: bool = False) -> None:
        self.events: list[tuple[object, ...]] = []
        self._grants = grants
        self._fails = fails

    async def lock_tokens(self, token_count: int) -> tuple[bool, str | None, str | None]:
        self.events.append(("lock", token_count))
        return (True, "t1:r1", None) if self._grants else (False, None, "resets in 20 s")

    async def report_usage(self, request_id: str, prompt_tokens: int, completion_tokens: int) -> None:
        self.events.append(("report", request_id, prompt_tokens, completion_tokens))
        self._fail()

    async def release_tokens(self, request_id: str) -> None:
        self.events.append(("release", request_id))
        self._fail()

    def _fail(self) -> None:
        if self._fails:
            raise ModelUnavailableError("The counter is away.")
