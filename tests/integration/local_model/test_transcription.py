"""Speech to text through the SDK: Whisper on real speech; what does not depend on what is heard with fixed answers."""

import io
import math
import re
import struct
import wave
from typing import Any

import pytest
from openai import APIStatusError, AsyncAzureOpenAI, BadRequestError, RateLimitError

from local.model.engines.instant import _TEXT
from tests.integration.local_model.conftest import azure_client, v1_client
from tests.support.model import PROJECT_ROOT, ModelServer

SPEECH = PROJECT_ROOT / "cli" / "samples" / "inaugural.flac"
LENGTH_S = 11.0
WORDS = "what your country can do for you"


def tone(length_s: float = 1.0) -> bytes:
    """440 Hz as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        samples = (int(9000 * math.sin(2 * math.pi * 440 * i / 8000)) for i in range(round(8000 * length_s)))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return buffer.getvalue()


async def test_speech_is_heard(embedded_server: ModelServer) -> None:
    async with azure_client(embedded_server) as client:
        answer = await client.audio.transcriptions.with_raw_response.create(model="whisper", file=SPEECH)

    assert WORDS in answer.parse().text
    assert "x-ratelimit-remaining-requests" in answer.headers
    assert "x-ratelimit-remaining-tokens" not in answer.headers


async def test_formats_of_text(instant_server: ModelServer) -> None:
    """Of this engine's one segment, a second long."""
    answers: dict[str, Any] = {}
    async with v1_client(instant_server) as client:
        forms: tuple[Any, ...] = ("text", "srt", "vtt")
        for form in forms:
            answers[form] = await client.audio.transcriptions.create(
                model="whisper", file=("tone.wav", tone()), response_format=form
            )

    assert answers == {
        "text": f"{_TEXT}\n",
        "srt": f"1\n00:00:00,000 --> 00:00:01,000\n{_TEXT}\n",
        "vtt": f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{_TEXT}\n",
    }


async def test_what_is_known_of_segments(embedded_server: ModelServer) -> None:
    async with v1_client(embedded_server) as client:
        verbose = await client.audio.transcriptions.create(model="whisper", file=SPEECH, response_format="verbose_json")

    assert WORDS in verbose.text
    assert verbose.duration == pytest.approx(LENGTH_S, abs=0.1)
    assert verbose.language == "english"
    assert verbose.usage.seconds == math.ceil(verbose.duration)
    assert "".join(segment.text for segment in verbose.segments).strip() == verbose.text
    for number, segment in enumerate(verbose.segments):
        assert (segment.id, segment.text[0]) == (number, " ")
        assert segment.end > segment.start
        assert segment.tokens
        assert segment.avg_logprob < 0
        assert 0 <= segment.no_speech_prob <= 1
        assert segment.compression_ratio > 0
        assert (segment.seek, segment.temperature) >= (0, 0.0)


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        (("speech.txt", b"text"), {}, "Invalid file format"),
        (("speech.wav", b"no audio at all"), {}, "could not be decoded"),
        (("speech.wav", b""), {}, "could not be decoded"),
        (("speech.wav", tone(0.05)), {}, "too short"),
        (("speech.wav", tone()), {"temperature": 7}, "'temperature'"),
        (("speech.wav", tone()), {"language": "english"}, "Invalid language 'english'"),
        (("speech.wav", tone()), {"model": "gpt-4o-transcribe", "response_format": "verbose_json"}, "not compatible"),
    ],
)
async def test_refusals(
    embedded_server: ModelServer, file: tuple[str, bytes], options: dict[str, Any], message: str
) -> None:
    async with azure_client(embedded_server) as client:
        with pytest.raises(BadRequestError, match=message):
            await client.audio.transcriptions.create(**{"model": "whisper", "file": file, **options})


async def test_other_models_bill_by_tokens(azure: AsyncAzureOpenAI) -> None:
    answer = await azure.audio.transcriptions.create(model="gpt-4o-transcribe", file=("tone.wav", tone()))

    usage: Any = answer.usage
    assert (usage.type, usage.input_tokens) == ("tokens", 10)
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


async def test_a_prompt_is_heeded(embedded_server: ModelServer) -> None:
    async with azure_client(embedded_server) as client:
        answer = await client.audio.transcriptions.create(
            model="whisper", file=SPEECH, prompt="AND SO, ALL WORDS ARE WRITTEN IN CAPITAL LETTERS. LIKE THIS."
        )

    # The model follows the prompt for some words or for all: it never writes them so by itself.
    assert re.search(r"\b[A-Z]{3,}\b", answer.text)


@pytest.mark.parametrize(("room", "refused"), [(2_000, False), (0, True)])
async def test_the_limit_is_for_the_whole_body(instant_server: ModelServer, room: int, refused: bool) -> None:
    file = ("large.wav", bytes(25 * 1024 * 1024 - room))
    async with azure_client(instant_server) as client:
        call = client.audio.transcriptions.create(model="whisper", file=file)
        if not refused:
            await call
            return
        with pytest.raises(APIStatusError, match=r"413: Maximum content size limit \(26214400\) exceeded") as caught:
            await call
        assert caught.value.status_code == 413


async def test_requests_are_limited(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.limit(rpm=6, tpm=1)
    file = ("tone.wav", tone())

    await azure.audio.transcriptions.create(model="whisper", file=file)

    with pytest.raises(RateLimitError, match=r"Transcriptions_Create Operation .* exceeded call rate limit"):
        await azure.audio.transcriptions.create(model="whisper", file=file)
