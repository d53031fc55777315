"""Feedback jobs: what a customer says -> sentiment, category, hashtags, summary, action, urgency, language."""

from typing import Any

from shared.config import Queues
from shared.jobs.feedback_profile import FeedbackProfile
from shared.jobs.kinds import Draft
from shared.messages import FeedbackRequest, to_json
from shared.model.client import ChatMessage, ModelClient
from shared.model.prompts import fence, format_prompt
from shared.model.structured import parse_output, repair_messages, response_format_for
from shared.model.tokens import DEFAULT_MODEL, count_tokens, estimate_request_tokens


class FeedbackJob:
    """Implements JobKind.

    Args:
        profile: prompt, categories, hashtags and output schema.
        max_text_chars: longest text that is accepted.
        base_model: decides how tokens are counted.

    Raises:
        ConfigurationError: the endpoint would reject the profile's schema, or its prompt can't be filled in.
    """

    name = "feedback"

    def __init__(
        self, profile: FeedbackProfile, queues: Queues, max_text_chars: int, base_model: str = DEFAULT_MODEL
    ) -> None:
        self.queues = queues
        self._base_model = base_model
        self._profile = profile
        self._max_text_chars = max_text_chars
        self._response_format = response_format_for("feedback", profile.schema_sent)
        self.messages(FeedbackRequest(text="probe"))

    def decode(self, body: bytes) -> FeedbackRequest:
        """See JobKind."""
        return FeedbackRequest.decode(body, self._max_text_chars)

    def estimate(self, request: FeedbackRequest, draft: Draft | None = None) -> int:
        """See JobKind."""
        return estimate_request_tokens(
            self._messages(request, draft), self._profile.max_tokens, self._base_model, self._response_format
        )

    @property
    def max_tokens(self) -> int:
        """Longest answer of a call."""
        return self._profile.max_tokens

    def usual_output_tokens(self) -> int:
        """Tokens of an answer, by the examples of the profile; a fifth of the longest where there are none."""
        outputs = [count_tokens(to_json(example.output), self._base_model) for example in self._profile.prompt.examples]
        return sum(outputs) // len(outputs) if outputs else self._profile.max_tokens // 5

    async def run(self, request: FeedbackRequest, *, model: ModelClient, draft: Draft | None = None) -> dict[str, Any]:
        """See JobKind."""
        completion = await model.chat_completion(
            self._messages(request, draft),
            max_tokens=self._profile.max_tokens,
            temperature=self._profile.temperature,
            response_format=self._response_format,
        )
        output = parse_output(completion.text, self._profile.schema_checked, completion.finish_reason)
        return self._result(request, output)

    def messages(self, request: FeedbackRequest) -> list[ChatMessage]:
        """The prompt for one request."""
        prompt = self._profile.prompt
        listed = {
            "categories": "\n".join(f"- {name}: {text}" for name, text in self._profile.categories.items()),
            "hashtags": "\n".join(f"- {name}: {tag.description}" for name, tag in self._profile.hashtags.items()),
        }

        def user(text: str, details: str) -> dict[str, str]:
            return {"feedback": fence(text), "details": details}

        known = {"language": request.language, "source": request.source, "rating": request.rating}
        details = to_json({name: value for name, value in known.items() if value is not None})
        examples = [
            (format_prompt("", prompt.user, user(e.text, "{}"))[-1]["content"], to_json(e.output))
            for e in prompt.examples
        ]
        return format_prompt(prompt.system, prompt.user, listed | user(request.text, details), examples)

    def _messages(self, request: FeedbackRequest, draft: Draft | None) -> list[ChatMessage]:
        messages = self.messages(request)
        return messages if draft is None else repair_messages(messages, draft.output, draft.error)

    def _result(self, request: FeedbackRequest, output: dict[str, Any]) -> dict[str, Any]:
        result = dict(output)
        if isinstance(result.get("hashtags"), list):
            result["hashtags"] = self._profile.mapping.map(result["hashtags"], self._profile.max_hashtags)
        echo = {"feedback_id": request.feedback_id, "metadata": request.metadata}
        return {
            **{name: value for name, value in echo.items() if value is not None},
            **result,
            "profile_version": self._profile.version,
        }
