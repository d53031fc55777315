"""The port to language models: one small protocol, and the values that pass through it.

Behaviour (circuit breaking, failover, caching) is added by wrapping a ModelClient in another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict

from shared.model.reasoning_models import ReasoningEffort


class ChatMessage(TypedDict):
    """One message of a conversation, in the form of the chat completions API."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the endpoint billed for one call."""

    input_tokens: int
    output_tokens: int

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class QuotaHeaders:
    """What the endpoint said of its quota (`x-ratelimit-*`); None where the header was missing or malformed."""

    limit_tokens: int | None = None
    remaining_tokens: int | None = None
    limit_requests: int | None = None
    remaining_requests: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a chat model.

    Attributes:
        text: the answer; never logged.
        model: the model that says it answered (the `model` field of the response).
        finish_reason: "stop", or "length" when the answer was cut at `max_tokens`.
    """

    text: str
    model: str
    finish_reason: str
    usage: Usage
    quota: QuotaHeaders = QuotaHeaders()
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """A piece of a transcript, in seconds from the beginning of the file that was sent."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a transcription model heard in one file.

    Attributes:
        text, segments: never logged.
        language: as the model heard it, in its own words ("en" or "english"); None where it doesn't say.
        usage: tokens, where the model bills by tokens; zero where it bills by time.
    """

    text: str
    segments: tuple[SpokenSegment, ...]
    model: str
    language: str | None = None
    duration_s: float | None = None
    usage: Usage = Usage(0, 0)
    quota: QuotaHeaders = QuotaHeaders()
    request_id: str | None = None


class ModelClient(Protocol):
    """Anything that answers chat messages."""

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
        """Make one call: one physical request, never repeated.

        Args:
            model: the deployment; None means the client's own default.
            max_tokens: longest output. Of reasoning models it holds what they think, too.
            response_format: as in the chat completions API, for example a JSON schema.
            reasoning_effort: for reasoning models; others don't get it.
            before_send: called when all is ready and the request leaves; what it raises keeps the request from leaving.

        Raises:
            PermanentError: the same call would fail again.
            TransientError: a later call may succeed.
        """
        ...


class TranscriptionClient(Protocol):
    """Anything that writes down speech."""

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
        """Make one call: one physical request, never repeated.

        Args:
            audio: a whole file, at most 25 MB.
            filename: its ending tells the endpoint the format.
            model: the deployment; None means the client's own default.
            language: ISO 639-1, where it is known.
            prompt: words to expect, or how the text before ended.
            before_send: as for ModelClient.

        Raises:
            PermanentError: the same call would fail again.
            TransientError: a later call may succeed.
        """
        ...


class ModelService(ModelClient, TranscriptionClient, Protocol):
    """A client of both kinds."""
