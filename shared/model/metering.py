"""Watches the calls of one job: a wrapper around any ModelService."""

from collections.abc import Callable
from typing import Any

from shared.model.client import Completion, ModelService, Transcription, Usage


class MeteredModelClient:
    """Adds up what one job used, also by calls whose answer turned out unusable.

    Args:
        before_send: given to every call, see ModelClient.

    Attributes:
        audio_s: seconds of sound that were transcribed, as the endpoint says.
        model: that answered last; None while none has.
        remaining_tokens: of the quota, as the last answer said.
    """

    def __init__(self, wrapped: ModelService, before_send: Callable[[], None] | None = None) -> None:
        self._wrapped = wrapped
        self._before_send = before_send
        self.usage = Usage(0, 0)
        self.audio_s = 0.0
        self.model: str | None = None
        self.remaining_tokens: int | None = None

    async def chat_completion(self, *args: Any, **kwargs: Any) -> Completion:
        """See ModelClient."""
        completion = await self._wrapped.chat_completion(*args, **kwargs, before_send=self._before_send)
        self._count(completion)
        return completion

    async def transcribe(self, *args: Any, **kwargs: Any) -> Transcription:
        """See TranscriptionClient."""
        transcription = await self._wrapped.transcribe(*args, **kwargs, before_send=self._before_send)
        self._count(transcription)
        self.audio_s += transcription.duration_s or 0.0
        return transcription

    def _count(self, answer: Completion | Transcription) -> None:
        self.model = answer.model
        self.remaining_tokens = answer.quota.remaining_tokens
        self.usage = Usage(
            self.usage.input_tokens + answer.usage.input_tokens,
            self.usage.output_tokens + answer.usage.output_tokens,
        )
