"""A model that answers the steps of reasoning jobs as a test says."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import SluiceError
from shared.model.client import ChatMessage, Completion, Usage
from shared.model.tokens import estimate_request_tokens

type Scripted = dict[str, Any] | str | SluiceError
type Answer = Scripted | Sequence[Scripted] | Callable[["StepCall"], Scripted]

DEFAULTS: dict[str, Answer] = {
    "plan": {"plan": ["Look.", "Answer."]},
    "read": {"notes": ["Something."], "quotes": []},
    "merge": {"notes": ["All."], "quotes": []},
    "solve": {"reasoning": "It says so.", "evidence": [], "answer": "yes", "confidence": 0.8},
    "verify": {"check": "The same.", "verdict": "correct", "problems": []},
    "revise": {"reasoning": "It was wrong.", "evidence": [], "answer": "no", "confidence": 0.7},
}
REFUSED = {"check": "Something else.", "verdict": "wrong", "problems": ["It isn't so."]}


@dataclass(frozen=True)
class StepCall:
    """Attributes: step: what the call is for, by the name of its format; options: of chat_completion."""

    step: str
    messages: Sequence[ChatMessage]
    options: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        """The last user message."""
        return next(message["content"] for message in reversed(self.messages) if message["role"] == "user")

    @property
    def tokens(self) -> int:
        """What an endpoint charges."""
        return estimate_request_tokens(
            self.messages, self.options["max_tokens"], response_format=self.options["response_format"]
        )


class StepModel:
    """Implements ModelClient.

    Args:
        answers: by step; what isn't named answers by DEFAULTS. A sequence gives one after the other, a function makes
            one of the call; texts are sent as they are, errors raised.
    """

    def __init__(self, **answers: Answer) -> None:
        self._answers = {step: list(a) if isinstance(a, list | tuple) else a for step, a in answers.items()}
        self.calls: list[StepCall] = []

    async def chat_completion(self, messages: Sequence[ChatMessage], **options: Any) -> Completion:
        """See ModelClient."""
        step = options["response_format"]["json_schema"]["name"].removeprefix("reasoning_")
        call = StepCall(step, list(messages), options)
        self.calls.append(call)
        answer: Any = self._answers.get(step, DEFAULTS[step])
        if isinstance(answer, list):
            assert answer, f"no answer is left for {step}"
            answer = answer.pop(0)
        elif callable(answer):
            answer = answer(call)
        if isinstance(answer, SluiceError):
            raise answer
        if (
            isinstance(answer, dict)
            and "evidence" not in options["response_format"]["json_schema"]["schema"]["properties"]
        ):
            answer = {name: value for name, value in answer.items() if name != "evidence"}
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Completion(text, "scripted", "stop", Usage(10, 5))

    def of(self, step: str) -> list[StepCall]:
        """The calls of a step."""
        return [call for call in self.calls if call.step == step]
