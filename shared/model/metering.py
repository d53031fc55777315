"""Counts the tokens of the calls that pass through: a wrapper around any ModelClient."""

from typing import Any

from shared.model.client import Completion, ModelClient, Usage


class MeteredModelClient:
    """Adds up what one job used, also by calls whose answer turned out unusable.

    Attributes:
        called: whether any call was begun.
        remaining_tokens: of the quota, as the last answer said.
    """

    def __init__(self, wrapped: ModelClient) -> None:
        self._wrapped = wrapped
        self.usage = Usage(0, 0)
        self.model: str | None = None
        self.called = False
        self.remaining_tokens: int | None = None

    async def chat_completion(self, *args: Any, **kwargs: Any) -> Completion:
        """See ModelClient."""
        self.called = True
        completion = await self._wrapped.chat_completion(*args, **kwargs)
        self.model = completion.model
        self.remaining_tokens = completion.quota.remaining_tokens
        self.usage = Usage(
            self.usage.input_tokens + completion.usage.input_tokens,
            self.usage.output_tokens + completion.usage.output_tokens,
        )
        return completion
