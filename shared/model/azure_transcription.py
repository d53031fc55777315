"""Transcriptions on Azure OpenAI: what is sent, and what the answers say."""

import io
import mimetypes
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ModelUnavailableError
from shared.model.azure_connection import AzureConnection
from shared.model.call_log import logged_call
from shared.model.client import SpokenSegment, Transcription, Usage
from shared.model.response_headers import quota_headers, request_id
from shared.telemetry.genai import ModelCall

# OpenAI, "Create transcription": of all models only Whisper knows `verbose_json`, and with it segments and times. The
# others (gpt-4o-transcribe, gpt-4o-mini-transcribe, gpt-transcribe) refuse it with 400.
_KNOWS_NO_TIMES = re.compile(r"gpt-.*transcribe")


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A whole file; the ending of its name tells the endpoint the format."""

    content: bytes = field(repr=False)
    name: str


class AzureTranscriber:
    """Makes transcriptions.

    Args:
        app_id: on whose behalf, for the log.
        timeout_s: longest time for one call.
    """

    def __init__(self, connection: AzureConnection, app_id: str | None, timeout_s: float) -> None:
        self._connection = connection
        self._app_id = app_id
        self._timeout_s = timeout_s

    async def transcribe(
        self,
        audio: AudioFile,
        deployment: str,
        base_model: str,
        language: str | None = None,
        prompt: str | None = None,
        before_send: Callable[[], None] | None = None,
    ) -> Transcription:
        """See TranscriptionClient.

        Args:
            base_model: what the deployment serves.
        """
        # From a stream the file goes out piece by piece; given as bytes it would be joined with the rest of the form.
        content = (audio.name, io.BytesIO(audio.content), mimetypes.guess_type(audio.name)[0] or "audio/mpeg")
        form: dict[str, Any] = {
            "model": deployment,
            "file": content,
            "response_format": "json" if _KNOWS_NO_TIMES.match(base_model) else "verbose_json",
            "language": language,
            "prompt": prompt,
        }
        given = {name: value for name, value in form.items() if value is not None}
        call = ModelCall("transcription", deployment, *self._connection.server)
        with logged_call(self._app_id, call, audio_bytes=len(audio.content)) as told:
            answer = parse_transcription(
                *await self._connection.send_audio(given, before_send, self._timeout_s), base_model
            )
            told |= {
                "model": answer.model,
                "audio_s": answer.duration_s,
                "segments": len(answer.segments),
                "input_tokens": answer.usage.input_tokens or None,
                "output_tokens": answer.usage.output_tokens or None,
                "request_id": answer.request_id,
            }
            return answer


type _Seconds = Annotated[float, Field(allow_inf_nan=False)]


class _Segment(BaseModel):
    start: _Seconds
    end: _Seconds
    text: str


class _Usage(BaseModel):
    """By tokens or, without these fields, by time."""

    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    text: str
    language: str | None = None
    duration: _Seconds | None = None
    segments: list[_Segment] | None = None
    usage: _Usage | None = None


def parse_transcription(content: bytes, headers: Mapping[str, str], model: str) -> Transcription:
    """Read the body and headers of a successful response, `json` or `verbose_json`.

    Args:
        model: that answered; the body doesn't say.

    Raises:
        ModelUnavailableError: the body isn't a transcription, such as a proxy's HTML page.
    """
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelUnavailableError(
            f"The endpoint's answer is not a transcription: {where} is at fault ({first['type']})."
        ) from None
    usage = answer.usage or _Usage()
    return Transcription(
        text=answer.text,
        segments=tuple(SpokenSegment(s.start, max(s.start, s.end), s.text) for s in answer.segments or ()),
        model=model,
        language=answer.language,
        duration_s=answer.duration,
        usage=Usage(usage.input_tokens, usage.output_tokens),
        quota=quota_headers(headers),
        request_id=request_id(headers),
    )
