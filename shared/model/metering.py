"""Watches the calls of one job: a wrapper around any ModelClient."""

from collections.abc import Callable
from typing import Any

from shared.model.client import Completion, ModelClient, Usage


class MeteredModelClient:
    """Adds up what one job used, also by calls whose answer turned out unusable.

    Args:
        before_send: given to every call, see ModelClient.

    Attributes:
        remaining_tokens: of the quota, as the last answer said.
    """

    def __init__(self, wrapped: ModelClient, before_send: Callable[[], None] | None = None) -> None:
        self._wrapped = wrapped
        self._before_send = before_send
        self.usage = Usage(0, 0)
        self.model: str | None = None
        self.remaining_tokens: int | None = None

    async def chat_completion(self, *args: Any, **kwargs: Any) -> Completion:
        """See ModelClient."""
        completion = await self._wrapped.chat_completion(*args, **kwargs, before_send=self._before_send)
        self.model = completion.model
        self.remaining_tokens = completion.quota.remaining_tokens
        self.usage = Usage(
            self.usage.input_tokens + completion.usage.input_tokens,
            self.usage.output_tokens + completion.usage.output_tokens,
        )
        return completion
