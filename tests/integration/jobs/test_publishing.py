"""Outcomes on real queues: reply_to, correlation, duplicate detection, claim checks, scheduling."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.servicebus.aio import ServiceBusClient

from shared.bootstrap import Backend, connect
from shared.config import Settings
from shared.errors import UnknownQueueError
from shared.jobs.intake import Delivery
from shared.jobs.record import JobRecord, JobState
from shared.messages import Envelope, OutgoingMessage
from tests.support.azurite import Azurite
from tests.support.service_bus import service_bus

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bus() -> Iterator[str]:
    """The app's own queues, and one more for replies."""
    config = json.loads((ROOT / "local" / "service_bus" / "config.json").read_text())
    namespace = config["UserConfig"]["Namespaces"][0]
    namespace["Queues"].append({"Name": "replies", "Properties": {"LockDuration": "PT1M"}})
    with service_bus(config) as broker:
        yield broker.connection_string


@pytest.fixture
async def backend(bus: str, shared_azurite: Azurite) -> AsyncIterator[Backend]:
    env = {
        "AzureWebJobsStorage": shared_azurite.connection_string,
        "ServiceBusConnection": bus,
        "AZURE_OPENAI_DEPLOYMENT_NAME": "publishing",
    }
    connected = await connect(Settings.from_env(env))
    yield connected
    await connected.close()


async def _accept(backend: Backend, envelope: Envelope) -> JobRecord:
    await backend.intake.accept("feedback", [Delivery(envelope, b'{"text": "a"}')])
    record = await backend.store.get("feedback", envelope.job_id)
    assert record is not None
    return record


async def _received(bus: str, queue: str) -> list[tuple[str | None, str | None, dict[str, object]]]:
    """Empty a queue."""
    found = []
    async with ServiceBusClient.from_connection_string(bus) as client, client.get_queue_receiver(queue) as receiver:
        while batch := await receiver.receive_messages(100, max_wait_time=1):
            for message in batch:
                found.append((message.message_id, message.correlation_id, json.loads(b"".join(message.body))))
                await receiver.complete_message(message)
    return found


async def test_outcome_goes_to_reply_to_with_the_correlation_id(backend: Backend, bus: str) -> None:
    record = await _accept(backend, Envelope("reply-1", correlation_id="c-1", reply_to="replies"))
    await backend.publisher.end(await backend.publisher.succeeded(record, {"x": 1}, "m"))
    ((message_id, correlation_id, body),) = await _received(bus, "replies")
    assert (message_id, correlation_id, body["status"]) == ("reply-1:0", "c-1", "succeeded")


async def test_unknown_reply_queue_falls_back_to_the_out_queue(backend: Backend, bus: str) -> None:
    record = await _accept(backend, Envelope("reply-2", reply_to="no-such-queue"))
    await backend.publisher.end(await backend.publisher.succeeded(record, {}, "m"))
    assert "reply-2:0" in [message_id for message_id, _, _ in await _received(bus, "feedback-out")]


async def test_publishing_again_is_dropped_by_the_broker(backend: Backend, bus: str) -> None:
    record = await _accept(backend, Envelope("twice"))
    ended = await backend.publisher.succeeded(record, {}, "m")
    await backend.publisher.end(ended)
    stored = await backend.store.get("feedback", "twice")
    assert stored is not None
    await backend.publisher.publish(stored.changed(datetime.now(UTC), published_at=None))
    assert [m for m, _, _ in await _received(bus, "feedback-out")].count("twice:0") == 1


async def test_large_outcome_travels_as_claim_check(backend: Backend, bus: str) -> None:
    record = await _accept(backend, Envelope("huge"))
    await backend.publisher.end(await backend.publisher.succeeded(record, {"x": "y" * 500_000}, "m"))
    bodies = {m: body for m, _, body in await _received(bus, "feedback-out")}
    data = await backend.payloads.claim(str(bodies["huge:0"]["claim_check"]), None)
    assert json.loads(data)["result"] == {"x": "y" * 500_000}


async def test_scheduled_tickets_wait(backend: Backend, bus: str) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    later = OutgoingMessage("later", "{}", not_before=due)
    await backend.sender.send("replies", [later, OutgoingMessage("now", "{}")])
    assert [m for m, _, _ in await _received(bus, "replies")] == ["now"]


async def test_unknown_queue_is_an_error_of_ours(backend: Backend) -> None:
    with pytest.raises(UnknownQueueError, match="no-such-queue"):
        await backend.sender.send("no-such-queue", [OutgoingMessage("m", "{}")])
    record = await _accept(backend, Envelope("still-works"))
    assert record.state is JobState.PENDING
