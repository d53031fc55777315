"""A GGUF file behind the same stack: the answers keep to the schema, whatever the model is worth."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient

from local.stack import Stack
from tests.support.ledger import Ledger, settle_ledger
from tests.support.stack import stack

SAMPLES = Path(__file__).parents[2] / "cli" / "samples"
FEEDBACK = 20


@pytest.fixture(scope="module")
def gguf() -> str:
    path = os.environ.get("SLUICE_TEST_GGUF", "")
    assert path, "make accept sets SLUICE_TEST_GGUF"
    return path


@pytest.fixture(scope="module")
def running(gguf: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(
        tmp_path_factory.mktemp("gguf") / ".sluice",
        model_env={"SLUICE_MODEL_GGUF": gguf},
        model_args=["--no-limits"],
        host_env={"AZURE_OPENAI_TIMEOUT_S": "600", "REASONING_CONTEXT_TOKENS": "4000"},
    ) as started:
        yield started


def through(running: Stack, kind: str, bodies: Mapping[str, str]) -> Ledger:
    with (
        ServiceBusClient.from_connection_string(running.settings["ServiceBusConnection"]) as client,
        client.get_queue_sender(f"{kind}-in") as sender,
    ):
        for job_id, body in bodies.items():
            sender.send_messages(ServiceBusMessage(body, message_id=job_id))
    return asyncio.run(settle_ledger(running.settings, kind, list(bodies), timeout_s=1500, exclusive=True))


@pytest.mark.accept
@pytest.mark.timeout(1800)
def test_feedback_through_a_gguf_file_gives_valid_results(
    running: Stack, gguf: str, record_property: Callable[[str, object], None]
) -> None:
    lines = (SAMPLES / "feedback.jsonl").read_text(encoding="utf-8").splitlines()[:FEEDBACK]
    ledger = through(running, "feedback", {f"gguf-{i}": line for i, line in enumerate(lines)})
    record_property("figures", f"{Path(gguf).name}: {ledger.summary()}")
    assert ledger.balanced, ledger.summary()
    assert ledger.statuses["succeeded"] == FEEDBACK, ledger.summary()


@pytest.mark.accept
@pytest.mark.timeout(1800)
def test_reasoning_through_a_gguf_file_gives_valid_results(
    running: Stack, gguf: str, record_property: Callable[[str, object], None]
) -> None:
    lines = (SAMPLES / "reasoning.jsonl").read_text(encoding="utf-8").splitlines()
    # So that three calls' worth of text fit the model's small context.
    bodies = [json.dumps({**json.loads(line), "max_tokens": 300}) for line in lines]
    ledger = through(running, "reasoning", {f"gguf-r{i}": body for i, body in enumerate(bodies)})
    record_property("figures", f"{Path(gguf).name}: {ledger.summary()}")
    assert ledger.balanced, ledger.summary()
    assert ledger.statuses["succeeded"] == len(lines), ledger.summary()


@pytest.mark.accept
@pytest.mark.timeout(1800)
def test_audio_with_analyses_through_a_gguf_file_gives_valid_results(
    running: Stack, gguf: str, record_property: Callable[[str, object], None]
) -> None:
    with BlobServiceClient.from_connection_string(running.settings["AzureWebJobsStorage"]) as blobs:
        container = blobs.get_container_client("audio-sent")
        container.create_container()
        container.upload_blob("speech.flac", (SAMPLES / "inaugural.flac").read_bytes())
    bodies = {
        f"gguf-a-{analyse}": json.dumps({"audio": "audio-sent/speech.flac", "analyse": analyse})
        for analyse in ("feedback", "summary")
    }
    ledger = through(running, "audio", bodies)
    record_property("figures", f"{Path(gguf).name}: {ledger.summary()}")
    assert ledger.balanced, ledger.summary()
    assert ledger.statuses["succeeded"] == len(bodies), ledger.summary()
