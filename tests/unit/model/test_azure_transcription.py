"""AzureOpenAIService.transcribe over a faked transport: what goes over the wire, and what comes of the answers."""

import asyncio
import json
import logging
import tracemalloc
from email import message_from_bytes
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import (
    BookingMissedError,
    ConfigurationError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitedError,
)
from shared.model.azure_openai import AzureOpenAIService
from shared.model.azure_transcription import parse_transcription
from shared.model.client import ModelService, QuotaHeaders, SpokenSegment, Transcription, Usage
from shared.model.metering import MeteredModelClient
from tests.unit.model.endpoint import ENDPOINT, SECRET, Endpoint, error_answer

AUDIO = b"fLaC\r\n--not-a-boundary\r\n\x00\xff"

# As Azure OpenAI answers for whisper; most fields are not ours to use.
VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 8.470000267028809,
    "text": "The beach was a popular spot. It was hot.",
    "segments": [
        {
            "id": 0,
            "seek": 0,
            "start": 0.0,
            "end": 3.319999933242798,
            "text": " The beach was a popular spot.",
            "tokens": [50364, 440, 7534],
            "temperature": 0.0,
            "avg_logprob": -0.2860786020755768,
            "compression_ratio": 1.2363636493682861,
            "no_speech_prob": 0.00985979475080967,
        },
        {"id": 1, "seek": 0, "start": 3.5, "end": 5.0, "text": " It was hot."},
    ],
    "usage": {"type": "duration", "seconds": 9},
}


def answer(body: Any = VERBOSE) -> httpx2.Response:
    return httpx2.Response(200, json=body, headers={"x-ratelimit-remaining-requests": "2", "apim-request-id": "r1"})


def _service(transport: httpx2.AsyncBaseTransport, **options: Any) -> AzureOpenAIService:
    client = httpx2.AsyncClient(transport=transport)
    return AzureOpenAIService("chat", endpoint=ENDPOINT, api_key="k", http_client=client, **options)


def form(request: httpx2.Request) -> dict[str, bytes]:
    """The parts of the form by name."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    parts: Any = message_from_bytes(head + request.content).get_payload()
    return {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}


async def test_a_call_to_a_deployment() -> None:
    endpoint = Endpoint(answer())
    client: ModelService = endpoint.service("ear", base_models={"ear": "whisper"})
    heard = await client.transcribe(AUDIO, "0001.flac", language="en", prompt="Words: Sluice.")
    assert heard == Transcription(
        text="The beach was a popular spot. It was hot.",
        segments=(
            SpokenSegment(0.0, 3.319999933242798, " The beach was a popular spot."),
            SpokenSegment(3.5, 5.0, " It was hot."),
        ),
        model="whisper",
        language="english",
        duration_s=8.470000267028809,
        quota=QuotaHeaders(remaining_requests=2),
        request_id="r1",
    )
    request = endpoint.requests[0]
    assert str(request.url) == f"{ENDPOINT}/openai/deployments/ear/audio/transcriptions?api-version=2024-10-21"
    assert form(request) == {
        "model": b"ear",
        "file": AUDIO,
        "response_format": b"verbose_json",
        "language": b"en",
        "prompt": b"Words: Sluice.",
    }
    assert b'filename="0001.flac"' in request.content
    assert b"audio/flac" in request.content


async def test_what_is_not_known_is_not_sent() -> None:
    endpoint = Endpoint(answer())
    await endpoint.service().transcribe(AUDIO, "a.mp3", model="other")
    assert set(form(endpoint.requests[0])) == {"model", "file", "response_format"}
    assert "/deployments/other/" in str(endpoint.requests[0].url)


@pytest.mark.parametrize(
    ("base_model", "response_format"),
    [
        ("whisper", b"verbose_json"),
        ("whisper-1", b"verbose_json"),
        ("our-own-name", b"verbose_json"),
        ("gpt-4o-transcribe", b"json"),
        ("gpt-4o-mini-transcribe", b"json"),
        ("gpt-4o-mini-transcribe-2025-12-15", b"json"),
        ("gpt-transcribe", b"json"),
    ],
)
async def test_times_are_asked_of_models_that_know_them(base_model: str, response_format: bytes) -> None:
    endpoint = Endpoint(answer())
    await endpoint.service(base_models={"chat": base_model}).transcribe(AUDIO, "a.flac")
    assert form(endpoint.requests[0])["response_format"] == response_format


async def test_a_model_that_bills_by_tokens() -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59}
    endpoint = Endpoint(answer({"text": "Hello.", "usage": usage}))
    heard = await endpoint.service(base_models={"chat": "gpt-4o-transcribe"}).transcribe(AUDIO, "a.flac")
    assert (heard.text, heard.segments, heard.usage) == ("Hello.", (), Usage(14, 45))
    assert (heard.language, heard.duration_s) == (None, None)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (error_answer(429, headers={"retry-after": "3"}), RateLimitedError),
        (error_answer(500), ModelUnavailableError),
        (error_answer(408), ModelTimeoutError),
        (error_answer(413, "413"), ModelRequestError),
        (error_answer(400, "audio_too_short"), ModelRequestError),
        (httpx2.Response(200, text=SECRET), ModelUnavailableError),
        (answer({"text": None, "segments": [SECRET]}), ModelUnavailableError),
        (answer({"text": "a", "segments": [{"start": SECRET, "end": 1, "text": "a"}]}), ModelUnavailableError),
        (httpx2.ConnectError(SECRET), ModelUnavailableError),
        (httpx2.ReadTimeout(SECRET), ModelTimeoutError),
    ],
    ids=str,
)
async def test_one_call_is_one_request(response: httpx2.Response | Exception, expected: type[Exception]) -> None:
    endpoint = Endpoint(response)
    with pytest.raises(expected) as caught:
        await endpoint.service().transcribe(AUDIO, "a.flac", prompt=SECRET)
    assert len(endpoint.requests) == 1
    seen: BaseException | None = caught.value
    while seen is not None:
        assert SECRET not in str(seen)
        seen = seen.__context__


async def test_what_before_send_raises_keeps_the_request_from_leaving() -> None:
    endpoint = Endpoint(answer())

    def too_late() -> None:
        assert endpoint.requests == []
        raise BookingMissedError

    with pytest.raises(BookingMissedError):
        await endpoint.service().transcribe(AUDIO, "a.flac", before_send=too_late)
    assert endpoint.requests == []


async def test_a_call_must_name_a_deployment() -> None:
    with pytest.raises(ConfigurationError, match="names no deployment"):
        await Endpoint().service(model=None).transcribe(AUDIO, "a.flac")


async def test_no_answer_in_time() -> None:
    async def never(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ModelTimeoutError):
        await _service(httpx2.MockTransport(never), transcription_timeout_s=0.02).transcribe(AUDIO, "a.flac")


async def test_a_transcription_has_its_own_time_limit() -> None:
    endpoint = Endpoint(answer())
    await endpoint.service(timeout_s=5.0, transcription_timeout_s=123.0).transcribe(AUDIO, "a.flac")
    assert endpoint.requests[0].extensions["timeout"]["read"] == 123.0


async def test_the_log_has_numbers_and_no_text(caplog: pytest.LogCaptureFixture) -> None:
    service = Endpoint(answer(), error_answer(429)).service()
    with caplog.at_level(logging.DEBUG, logger="shared"):
        await service.transcribe(AUDIO, "a.flac", prompt=SECRET)
        with pytest.raises(RateLimitedError):
            await service.transcribe(AUDIO, "a.flac")
    done, failed = [record.getMessage() for record in caplog.records if record.name.startswith("shared")]
    for part in ("model_called", "app_id=app-1", "deployment=chat", f"audio_bytes={len(AUDIO)}", "segments=2"):
        assert part in done
    assert "reason" not in done
    assert "reason=rate_limited" in failed
    assert "beach" not in caplog.text
    assert "4111" not in caplog.text


async def test_the_metered_client_counts_transcriptions_too() -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 45}
    endpoint = Endpoint(answer({"text": "a", "usage": usage}), answer({"text": "b", "usage": usage}))
    sent: list[int] = []
    metered = MeteredModelClient(endpoint.service(), lambda: sent.append(len(endpoint.requests)))
    await metered.transcribe(AUDIO, "a.flac")
    await metered.transcribe(AUDIO, "a.flac")
    assert (metered.usage, metered.model, sent) == (Usage(28, 90), "chat", [0, 1])
    assert metered.audio_s == 0, "it bills by tokens"


async def test_the_metered_client_counts_seconds() -> None:
    endpoint = Endpoint(answer(VERBOSE), answer(VERBOSE))
    metered = MeteredModelClient(endpoint.service())
    await metered.transcribe(AUDIO, "a.flac")
    await metered.transcribe(AUDIO, "a.flac")
    assert metered.audio_s == pytest.approx(16.94)


async def test_the_file_is_not_copied() -> None:
    """A transport that reads the body piece by piece, as a socket does."""
    audio = bytes(20 * 1024 * 1024)
    seen = 0

    class Draining(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            nonlocal seen
            assert isinstance(request.stream, httpx2.AsyncByteStream)
            async for piece in request.stream:
                seen += len(piece)
            return answer()

    service = _service(Draining())
    await service.transcribe(AUDIO, "a.flac")  # what the SDK imports isn't the file's
    seen = 0
    tracemalloc.start()
    try:
        await service.transcribe(audio, "a.flac")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen > len(audio)
    assert peak < len(audio) / 4


@given(
    st.one_of(
        st.binary(max_size=40),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["text", "segments", "start", "end", "usage", "duration"]), inner)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_answer_is_read_or_refused(content: bytes) -> None:
    try:
        heard = parse_transcription(content, {}, "whisper")
    except ModelUnavailableError:
        return
    assert all(s.start_s <= s.end_s for s in heard.segments)
