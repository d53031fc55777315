"""Audio jobs through the whole stack: the model answers at once, so the words are of no account here."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from shared.bootstrap import connect
from shared.config import Settings
from tests.e2e.conftest import System

SPEECH = Path(__file__).parents[2] / "cli" / "samples" / "inaugural.flac"


@contextmanager
def container(system: System, name: str) -> Iterator[Any]:
    with BlobServiceClient.from_connection_string(system.env["AzureWebJobsStorage"]) as blobs:
        client = blobs.get_container_client(name)
        with suppress(ResourceExistsError):
            client.create_container()
        yield client


def upload(system: System, name: str, data: bytes, to: str = "audio-sent") -> str:
    with container(system, to) as client:
        client.upload_blob(name, data, overwrite=True)
    return f"{to}/{name}"


async def ended(system: System, bodies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    system.send({job_id: json.dumps(body).encode() for job_id, body in bodies.items()}, queue="audio-in")
    return await system.outcomes(list(bodies), "audio")


async def test_a_recording_becomes_files_and_a_result(system: System, unique: str) -> None:
    job_id = f"a-{unique}"
    audio = upload(system, f"{unique}.flac", SPEECH.read_bytes())
    outcome = (await ended(system, {job_id: {"audio": audio, "audio_id": "mine", "timestamps": True}}))[job_id]
    assert outcome["status"] == "succeeded", outcome
    result = outcome["result"]
    assert result["audio_id"] == "mine"
    assert result["duration_s"] == pytest.approx(11, abs=0.2)
    with container(system, "audio-out") as client:
        files = {
            ending: client.download_blob(name.partition("/")[2]).readall().decode()
            for ending, name in result["files"].items()
        }
    assert set(files) == {"json", "txt", "srt", "vtt"}
    assert files["txt"].strip() == result["text"]
    assert json.loads(files["json"])["segments"] == result["segments"]
    assert files["vtt"].startswith("WEBVTT")
    backend = await connect(Settings.from_env(system.env))
    try:
        left = [blob.name for blob in (await backend.own_blobs.find(f"audio/{job_id}/audio/"))[0]]
    finally:
        await backend.close()
    assert left == [], "the chunks are removed"


async def test_bad_recordings_end_as_failures_that_say_why(system: System, unique: str) -> None:
    speech = SPEECH.read_bytes()
    given = {
        "empty": (upload(system, f"{unique}-empty.mp3", b""), "audio_empty"),
        "text": (upload(system, f"{unique}-text.wav", b"not a sound\n" * 100), "audio_unreadable"),
        "cut": (upload(system, f"{unique}-cut.flac", speech[: len(speech) // 2]), "audio_truncated"),
        "missing": (f"audio-sent/{unique}-missing.mp3", "audio_missing"),
        "other": ("sluice-payloads/x", "audio_not_allowed"),
        "host": ("https://example.com/x.mp3", "audio_not_allowed"),
        "file": ("file:///etc/passwd", "audio_not_allowed"),
    }
    outcomes = await ended(system, {f"{name}-{unique}": {"audio": audio} for name, (audio, _) in given.items()})
    codes = {name: outcomes[f"{name}-{unique}"]["error"]["code"] for name in given}
    assert codes == {name: code for name, (_, code) in given.items()}


async def test_a_job_that_is_forgotten_leaves_neither_transcript_nor_recording(system: System, unique: str) -> None:
    done = await asyncio.to_thread(
        system.sluice, "send", "audio", str(SPEECH), "--run", unique, "--wait", "--json", "--field", "analyse=feedback"
    )
    assert done.returncode == 0, done.stderr
    job_id = json.loads(done.stdout)["job_id"]
    names = [("audio-out", f"audio/{job_id}/transcript.txt"), ("audio-sent", f"audio/{job_id}/{SPEECH.name}")]
    assert [await asyncio.to_thread(_exists, system, *name) for name in names] == [True, True]
    forgot = await asyncio.to_thread(system.sluice, "forget", job_id, "--kind", "audio", "--yes")
    assert forgot.returncode == 0, forgot.stderr
    assert [await asyncio.to_thread(_exists, system, *name) for name in names] == [False, False]


async def test_a_file_in_the_container_starts_a_job(system: System, unique: str) -> None:
    upload(system, f"{unique} speech.flac", SPEECH.read_bytes(), to="audio-in")
    (outcome,) = [o async for o in _published(system, "audio-out", f"{unique} speech.flac")]
    assert outcome["status"] == "succeeded", outcome
    assert outcome["job_id"].startswith("drop-")


def _exists(system: System, container_name: str, blob: str) -> bool:
    with container(system, container_name) as client:
        return bool(client.get_blob_client(blob).exists())


async def _published(system: System, queue: str, correlation_id: str) -> Any:
    """The outcomes that carry this correlation id, as soon as there is one."""
    from azure.servicebus.aio import ServiceBusClient

    async with (
        ServiceBusClient.from_connection_string(system.env["ServiceBusConnection"]) as client,
        client.get_queue_receiver(queue, max_wait_time=30) as receiver,
    ):
        async for message in receiver:
            if message.correlation_id == correlation_id:
                yield json.loads(str(message))
                return
