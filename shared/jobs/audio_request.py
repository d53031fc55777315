"""The form of audio jobs."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StringConstraints

from shared.audio.languages import LANGUAGES
from shared.errors import InvalidMessageError
from shared.messages import decode_body

# Whisper heeds the last 224 tokens of a prompt (OpenAI, "Speech to text", prompting): about this much English.
_LONGEST_PROMPT = 1_000
_LONGEST_REFERENCE = 4_096


class AudioRequest(BaseModel):
    """A recording to be written down. What has no field of its own belongs in `metadata`.

    Attributes:
        audio: where it is: "container/name" or the address of a blob of the app's own storage account, or an https
            address of an allowed host (shared/audio/source.py).
        language: that is spoken, as a code; None lets the model find out.
        prompt: words to expect, such as names; the model takes it for what was said before.
        analyse: what is to be done with the transcript.
        timestamps: whether the result message carries the segments with their times. The files always do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    audio_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    audio: Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_REFERENCE)] = Field(repr=False)
    language: str | None = None
    prompt: Annotated[str, StringConstraints(max_length=_LONGEST_PROMPT)] | None = None
    analyse: Literal["feedback", "summary", "none"] = "none"
    timestamps: StrictBool = False
    metadata: dict[str, JsonValue] | None = None

    @classmethod
    def decode(cls, body: bytes) -> "AudioRequest":
        """Read a body.

        Raises:
            InvalidMessageError: says what is wrong, and in which field.
        """
        request = decode_body(cls, body)
        if request.language is not None and request.language not in LANGUAGES:
            raise InvalidMessageError(
                "The field language must be the ISO 639-1 code of a language that is supported, such as en or de; "
                "leave it out where it isn't known.",
                field="language",
            )
        return request
