"""A GGUF file behind the same stack: the answers keep to the schema, whatever the model is worth."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from tests.support.ledger import settle_ledger
from tests.support.stack import stack

ROOT = Path(__file__).parents[2]
JOBS = 20


@pytest.mark.accept
@pytest.mark.timeout(1800)
def test_jobs_through_a_gguf_file_give_valid_results(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    gguf = os.environ.get("SLUICE_TEST_GGUF", "")
    assert gguf, "make accept sets SLUICE_TEST_GGUF"
    lines = (ROOT / "cli" / "samples" / "feedback.jsonl").read_text(encoding="utf-8").splitlines()[:JOBS]
    ids = [f"gguf-{i}" for i in range(JOBS)]
    with stack(
        tmp_path / ".sluice",
        model_env={"SLUICE_MODEL_GGUF": gguf},
        model_args=["--no-limits"],
        host_env={"AZURE_OPENAI_TIMEOUT_S": "600"},
    ) as running:
        with (
            ServiceBusClient.from_connection_string(running.settings["ServiceBusConnection"]) as client,
            client.get_queue_sender("feedback-in") as sender,
        ):
            for job_id, line in zip(ids, lines, strict=True):
                sender.send_messages(ServiceBusMessage(line, message_id=job_id))
        ledger = asyncio.run(settle_ledger(running.settings, "feedback", ids, timeout_s=1500, exclusive=True))
    record_property("figures", f"{Path(gguf).name}: {ledger.summary()}")
    assert ledger.balanced, ledger.summary()
    assert ledger.statuses["succeeded"] == JOBS, ledger.summary()
