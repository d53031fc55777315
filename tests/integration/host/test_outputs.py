"""Output bindings on a real Service Bus emulator and a real Azurite."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from azure.storage.blob.aio import BlobServiceClient

from local.host.contracts import Datum, FunctionFailedError, OutputBinding
from local.host.outputs import create_outputs
from tests.support.azurite import Azurite, azurite
from tests.support.service_bus import ServiceBusEmulator, configuration, service_bus
from tests.support.service_bus_listeners import Bus

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUEUES = ["texts", "metadata", "many", "restarted"]


@pytest.fixture(scope="module")
def emulator() -> Iterator[ServiceBusEmulator]:
    with service_bus(configuration(queues={name: {} for name in QUEUES})) as server:
        yield server


@pytest.fixture(scope="module")
def storage() -> Iterator[Azurite]:
    with azurite() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outputs(emulator: ServiceBusEmulator, storage: Azurite) -> AsyncIterator[dict[str, OutputBinding]]:
    settings = {"SB": emulator.connection_string, "AzureWebJobsStorage": storage.connection_string}
    created = create_outputs(settings)
    yield created
    for output in created.values():
        await output.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(emulator: ServiceBusEmulator) -> AsyncIterator[Bus]:
    opened = Bus(emulator.connection_string)
    yield opened
    await opened.close()


def to_queue(queue: str) -> dict[str, str]:
    return {"type": "serviceBus", "name": "out", "connection": "SB", "queueName": queue}


async def test_messages_are_plain_texts(bus: Bus, outputs: dict[str, OutputBinding]) -> None:
    for value in (Datum("string", "Grüße"), Datum("string", '[1, {"a": 1}]'), Datum("json", '{"b": 2}')):
        await outputs["serviceBus"].send(to_queue("texts"), value, {})
    messages = await bus.left("texts")
    assert [str(message) for message in messages] == ["Grüße", "1", '{\n  "a": 1\n}', '{\n  "b": 2\n}']
    for message in messages:
        assert message.content_type == "text/plain"
        assert message.correlation_id is message.subject is message.session_id is None
        assert not message.application_properties


async def test_a_queue_can_be_chosen_by_metadata(bus: Bus, outputs: dict[str, OutputBinding]) -> None:
    metadata = {"Subject": Datum("string", "meta")}
    await outputs["serviceBus"].send(to_queue("{subject}data"), Datum("string", "x"), metadata)
    assert len(await bus.left("metadata")) == 1


async def test_many_at_a_time(bus: Bus, outputs: dict[str, OutputBinding]) -> None:
    sends = (outputs["serviceBus"].send(to_queue("many"), Datum("string", str(n)), {}) for n in range(50))
    await asyncio.gather(*sends)
    assert sorted(int(str(message)) for message in await bus.left("many")) == list(range(50))


@pytest.mark.parametrize(
    ("queue", "text", "reason"),
    [
        ("nowhere", "x", "there is no such queue"),
        ("texts", "x" * 2_000_000, "too large for 'texts'"),
        ("texts", "{not JSON}", "reads it as JSON"),
        ("{missing}", "x", "no value for '{missing}'"),
        ("", "x", "needs queueName or topicName"),
    ],
)
async def test_what_cannot_be_sent_fails_the_call(
    outputs: dict[str, OutputBinding], queue: str, text: str, reason: str
) -> None:
    with pytest.raises(FunctionFailedError) as failure:
        await outputs["serviceBus"].send(to_queue(queue), Datum("string", text), {})
    assert reason in str(failure.value)
    assert len(str(failure.value)) < 500


async def test_a_connection_without_settings_fails_the_call(outputs: dict[str, OutputBinding]) -> None:
    binding = {**to_queue("texts"), "connection": "Nowhere"}
    with pytest.raises(FunctionFailedError, match="connection 'Nowhere' has no settings"):
        await outputs["serviceBus"].send(binding, Datum("string", "x"), {})


async def test_a_restart_of_the_broker_is_outlived(
    emulator: ServiceBusEmulator, bus: Bus, outputs: dict[str, OutputBinding]
) -> None:
    await outputs["serviceBus"].send(to_queue("restarted"), Datum("string", "before"), {})
    await asyncio.to_thread(emulator.restart)
    await outputs["serviceBus"].send(to_queue("restarted"), Datum("string", "after"), {})
    assert [str(message) for message in await bus.left("restarted")] == ["before", "after"]


async def test_blobs_are_written_where_the_metadata_says(storage: Azurite, outputs: dict[str, OutputBinding]) -> None:
    binding = {"type": "blob", "name": "out", "path": "made/{name}/{rand-guid}.json"}
    metadata = {"name": Datum("string", "n1")}
    for value in (Datum("string", "Grüße"), Datum("bytes", b"\x00\xff"), Datum("json", '{"a": [1, 2]}')):
        await outputs["blob"].send(binding, value, metadata)
    fixed = {**binding, "path": "made/fixed"}
    for text in ("first", "second"):
        await outputs["blob"].send(fixed, Datum("string", text), {})
    async with BlobServiceClient.from_connection_string(storage.connection_string) as client:
        container = client.get_container_client("made")
        names = [blob.name async for blob in container.list_blobs()]
        contents = [await (await container.download_blob(name)).readall() for name in names]
    assert sum(name.startswith("n1/") and name.endswith(".json") for name in names) == 3
    assert sorted(contents) == sorted(["Grüße".encode(), b"\x00\xff", b'{"a":[1,2]}', b"second"])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("only-a-container", "isn't of the form container/name"),
        ("c/{nope}", "no value for '{nope}'"),
        ("UPPER/x", "the service answered with an error"),
    ],
)
async def test_a_blob_that_cannot_be_written_fails_the_call(
    outputs: dict[str, OutputBinding], path: str, reason: str
) -> None:
    binding = {"type": "blob", "name": "out", "path": path}
    with pytest.raises(FunctionFailedError) as failure:
        await outputs["blob"].send(binding, Datum("string", json.dumps("x")), {})
    assert reason in str(failure.value)
