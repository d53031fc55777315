"""Audio transcription: a file -> text, as Azure OpenAI answers it."""

import math
from dataclasses import asdict
from typing import Any, Literal, override

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.model.api import Answer, ApiOperation, Asked, Charge
from local.model.azure_errors import Operation, bad_request
from local.model.deployments import Deployment, knows_no_times
from local.model.engines.protocol import AudioTooShortError, Engine, Segment, Transcript, UnreadableAudioError
from local.model.faults import AnyFault
from local.model.requests import parameter_path
from shared.audio.languages import LANGUAGES
from shared.model.tokens import count_tokens

# The limit of Azure OpenAI and OpenAI holds for the whole body, so that the file itself must be a little smaller.
MOST_BODY_BYTES = 25 * 1024 * 1024
_AUDIO_TOKENS_PER_S = 10  # as OpenAI bills the gpt-4o-transcribe models
_FORMATS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")


class TranscriptionForm(BaseModel):
    """Fields of the form beside the file."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    temperature: float | None = Field(default=None, ge=0, le=1)
    timestamp_granularities: str | None = Field(default=None, alias="timestamp_granularities[]")


class TranscriptionOperation(ApiOperation):
    """POST .../audio/transcriptions

    Limited by requests only, as Azure OpenAI limits Whisper. The embedded model hears English only, whatever
    `language` says.
    """

    name: Operation = "transcription"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @override
    async def read(self, request: web.Request) -> Asked:
        if request.content_type != "multipart/form-data":
            raise bad_request("Invalid Content-Type header: expected multipart/form-data.")
        try:
            fields = await request.post()
        except (ValueError, RuntimeError):
            raise bad_request("We could not parse the multipart form data of your request.") from None
        file = fields.get("file")
        if not isinstance(file, web.FileField):
            raise bad_request("Missing required parameter: 'file'.", "file", "missing_required_parameter")
        if file.filename.rpartition(".")[2].lower() not in _FORMATS:
            raise bad_request(f"Invalid file format. Supported formats: {list(_FORMATS)}", "file")
        form = _checked({name: value for name, value in fields.items() if name != "file"})
        if form.language is not None and form.language not in LANGUAGES:
            raise bad_request(
                f"Invalid language '{form.language}'. Language parameter must be specified in ISO-639-1 format.",
                "language",
                "invalid_language_format",
            )
        return Asked(form.model or "", "", (form, file.file.read()))

    @override
    def charge(self, asked: Asked, deployment: Deployment) -> Charge | None:
        form: TranscriptionForm = asked.request[0]
        if knows_no_times(deployment.model) and form.response_format not in ("json", "text"):
            raise bad_request(
                f"response_format '{form.response_format}' is not compatible with model '{deployment.model}'. Use "
                "'json' or 'text' instead.",
                "response_format",
                "unsupported_value",
            )
        return None

    @override
    async def answer(self, asked: Asked, deployment: Deployment, fault: AnyFault | None) -> Answer:
        form, audio = asked.request
        try:
            transcript = await self._engine.transcribe(audio, form.prompt)
        except AudioTooShortError as error:
            raise bad_request(str(error), "file", "audio_too_short") from None
        except UnreadableAudioError as error:
            raise bad_request(f"The audio file could not be decoded or its format is not supported: {error}.") from None
        return Answer(_written(transcript, form.response_format, deployment.model))


def _checked(values: dict[str, Any]) -> TranscriptionForm:
    try:
        return TranscriptionForm.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        param = parameter_path(first["loc"])
        raise bad_request(f"Invalid value for '{param}': {first['msg']}.", param, "invalid_value") from None


def _written(transcript: Transcript, form: str, model: str) -> dict[str, Any] | str:
    match form:
        case "text":
            return transcript.text + "\n"
        case "srt":
            return "\n".join(_cue(i, segment, ",") for i, segment in enumerate(transcript.segments, 1))
        case "vtt":
            return "WEBVTT\n\n" + "\n".join(_cue(None, segment, ".") for segment in transcript.segments)
        case "verbose_json":
            return {
                "task": "transcribe",
                "language": transcript.language,
                "duration": transcript.duration_s,
                "text": transcript.text,
                "segments": [_segment(i, segment) for i, segment in enumerate(transcript.segments)],
                "usage": _usage(transcript, model),
            }
    return {"text": transcript.text, "usage": _usage(transcript, model)}


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    fields = asdict(segment)
    return {"id": number, "start": fields.pop("start_s"), "end": fields.pop("end_s"), **fields}


def _usage(transcript: Transcript, model: str) -> dict[str, Any]:
    """Whisper is billed by time, the others by tokens."""
    if not knows_no_times(model):
        return {"type": "duration", "seconds": math.ceil(transcript.duration_s)}
    heard, written = math.ceil(transcript.duration_s * _AUDIO_TOKENS_PER_S), count_tokens(transcript.text, model)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": written,
        "total_tokens": heard + written,
    }


def _cue(number: int | None, segment: Segment, decimal: str) -> str:
    head = f"{number}\n" if number else ""
    return f"{head}{_clock(segment.start_s, decimal)} --> {_clock(segment.end_s, decimal)}\n{segment.text.strip()}\n"


def _clock(seconds: float, decimal: str) -> str:
    whole, ms = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{decimal}{ms:03}"
