"""Audio transcription: a file -> text, as Azure OpenAI answers it."""

from typing import Any, Literal, override

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.model.api import Answer, ApiOperation, Asked, Charge
from local.model.azure_errors import Operation, bad_request
from local.model.deployments import Deployment
from local.model.engines.protocol import Engine, Segment, Transcript, UnreadableAudioError
from local.model.faults import AnyFault
from local.model.requests import parameter_path

# Whisper's limit at Azure OpenAI and OpenAI.
MOST_AUDIO_BYTES = 25 * 1024 * 1024
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
        return Asked(form.model or "", "", (form, file.file.read()))

    @override
    def charge(self, asked: Asked, deployment: Deployment) -> Charge | None:
        return None

    @override
    async def answer(self, asked: Asked, deployment: Deployment, fault: AnyFault | None) -> Answer:
        form, audio = asked.request
        try:
            transcript = await self._engine.transcribe(audio)
        except UnreadableAudioError as error:
            raise bad_request(f"The audio file could not be decoded or its format is not supported: {error}.") from None
        return Answer(_written(transcript, form.response_format))


def _checked(values: dict[str, Any]) -> TranscriptionForm:
    try:
        return TranscriptionForm.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        param = parameter_path(first["loc"])
        raise bad_request(f"Invalid value for '{param}': {first['msg']}.", param, "invalid_value") from None


def _written(transcript: Transcript, form: str) -> dict[str, Any] | str:
    match form:
        case "text":
            return transcript.text + "\n"
        case "srt":
            return "\n".join(_cue(i, segment, ",") for i, segment in enumerate(transcript.segments, 1))
        case "vtt":
            return "WEBVTT\n\n" + "\n".join(_cue(None, segment, ".") for segment in transcript.segments)
        case "verbose_json":
            segments = [
                {"id": i, "start": segment.start_s, "end": segment.end_s, "text": segment.text}
                for i, segment in enumerate(transcript.segments)
            ]
            return {
                "task": "transcribe",
                "language": transcript.language,
                "duration": transcript.duration_s,
                "text": transcript.text,
                "segments": segments,
            }
    return {"text": transcript.text}


def _cue(number: int | None, segment: Segment, decimal: str) -> str:
    head = f"{number}\n" if number else ""
    return f"{head}{_clock(segment.start_s, decimal)} --> {_clock(segment.end_s, decimal)}\n{segment.text}\n"


def _clock(seconds: float, decimal: str) -> str:
    whole, ms = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{decimal}{ms:03}"
