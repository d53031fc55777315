"""The port between the API and whatever answers: validated requests in, plain results out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.model.client import Usage

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat completion to be made.

    Attributes:
        payload: the whole request body, valid, for engines that forward it.
        messages: of the body; content is a string, a list of parts, or None.
        response_format: None means text.
        choices: how many answers (`n`).
        max_tokens: None means no limit of the caller's.
    """

    payload: Json
    messages: Sequence[Json]
    response_format: Json | None = None
    choices: int = 1
    max_tokens: int | None = None
    stop: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ChatResult:
    """Attributes:

    texts: one a choice.
    model: what answered, by its honest name.
    finish_reason: "stop" or "length".
    usage: None where the engine doesn't count; then the API does.
    """

    texts: Sequence[str]
    model: str
    finish_reason: str = "stop"
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of transcribed speech; times in seconds from the start.

    Attributes:
        text: with the space before it, where the language has spaces.
        seek: hundredths of a second where the piece of audio begins that the model looked at.
        tokens, temperature, avg_logprob, compression_ratio, no_speech_prob: as Whisper reports them.
    """

    start_s: float
    end_s: float
    text: str
    seek: int = 0
    tokens: Sequence[int] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 1.0
    no_speech_prob: float = 0.0


@dataclass(frozen=True, slots=True)
class Transcript:
    """Attributes: language: English name, such as "english"."""

    segments: Sequence[Segment] = field(default_factory=tuple)
    duration_s: float = 0.0
    language: str = "english"

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments).strip()


class EngineStartError(RuntimeError):
    """An engine can't start; the text says what to do."""


class UnreadableAudioError(ValueError):
    """The file can't be decoded as audio."""


class AudioTooShortError(UnreadableAudioError):
    """The file holds less than a tenth of a second."""


class UpstreamError(Exception):
    """Another server, asked to answer, refused.

    Args:
        status: its HTTP status.
        body: its JSON answer.
        headers: those that tell when to come back.
    """

    def __init__(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"the model server answered {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class Engine(Protocol):
    """Anything that answers. Methods are called from the event loop and must not block it."""

    name: str

    async def chat(self, call: ChatCall) -> ChatResult:
        """Raises:
        UpstreamError: another server refused.
        UnfillableError: the response format can't be satisfied.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One normalised embedding a text."""
        ...

    async def transcribe(self, audio: bytes, prompt: str | None = None) -> Transcript:
        """Args:
            prompt: what was said before, or words to expect.

        Raises:
            UnreadableAudioError: see there.
        """
        ...

    async def close(self) -> None:
        """Free what the engine holds."""
        ...
