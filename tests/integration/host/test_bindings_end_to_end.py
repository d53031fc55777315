"""Service Bus and blob bindings through a whole host: Microsoft's worker library decodes and encodes every value."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient

from tests.support.azurite import azurite
from tests.support.host import RunningHost, functions_host, wait_until, write_app
from tests.support.service_bus import configuration, service_bus

APP = """
from typing import List

def queue(name, **options):
    return app.service_bus_queue_trigger(arg_name="msg", queue_name=name, connection="SB", **options)

def output(name):
    return app.service_bus_queue_output(arg_name="out", queue_name=name, connection="SB")

def seen(msg):
    return {
        "body": msg.get_body().decode(), "id": msg.message_id, "correlation": msg.correlation_id,
        "deliveries": msg.delivery_count, "properties": msg.application_properties,
        "enqueued": str(msg.enqueued_time_utc.tzinfo), "sequence": msg.sequence_number > 0,
        "missing": [msg.locked_until, msg.time_to_live, msg.state, msg.dead_letter_reason],
    }

@app.function_name("single")
@queue("single")
@output("single-out")
def single(msg: func.ServiceBusMessage, out: func.Out[str]) -> None:
    out.set(json.dumps(seen(msg)))

@app.function_name("batch")
@queue("batch", cardinality=func.Cardinality.MANY, data_type=func.DataType.STRING)
@output("batch-out")
async def batch(msg: List[func.ServiceBusMessage], out: func.Out[str]) -> None:
    out.set(json.dumps([seen(m) for m in msg]))

@app.function_name("failing")
@queue("failing")
def failing(msg: func.ServiceBusMessage) -> None:
    raise ValueError("always")

@app.function_name("crashing")
@queue("crashing")
@output("crashing-out")
def crashing(msg: func.ServiceBusMessage, out: func.Out[str]) -> None:
    if msg.delivery_count == 1:
        os._exit(1)
    out.set(str(msg.delivery_count))

@app.function_name("unsendable")
@queue("unsendable")
@output("nowhere")
def unsendable(msg: func.ServiceBusMessage, out: func.Out[str]) -> None:
    out.set("x")

@app.function_name("told")
@app.blob_trigger(arg_name="blob", path="told/{name}.bin", connection="Storage", source=func.BlobSource.EVENT_GRID,
                  data_type=func.DataType.BINARY)
@output("told-out")
def told(blob: func.InputStream, out: func.Out[str]) -> None:
    out.set(json.dumps({"name": blob.name, "length": blob.length, "hex": blob.read().hex(), "meta": blob.metadata}))

@app.function_name("scanned")
@app.blob_trigger(arg_name="blob", path="scanned/{name}.txt", connection="Storage")
@app.blob_output(arg_name="out", path="copies/{name}.copy", connection="Storage")
def scanned(blob: func.InputStream, out: func.Out[str]) -> None:
    out.set(blob.read().decode() + " copied")
"""
QUEUES = ["single", "batch", "failing", "crashing", "unsendable"]
OUTPUTS = ["single-out", "batch-out", "crashing-out", "told-out"]


class World:
    """A host with the app, its services, and clients for them."""

    def __init__(self, host: RunningHost, bus: ServiceBusClient, storage: BlobServiceClient) -> None:
        self.host = host
        self.storage = storage
        self._bus = bus
        self._connections: dict[tuple[str, str], Any] = {}

    def send(self, queue: str, *messages: ServiceBusMessage) -> None:
        self._sender(queue).send_messages(list(messages))

    def receive(self, queue: str, count: int = 1) -> list[str]:
        """The bodies of so many messages, which are completed."""
        bodies = []
        for _ in range(count):
            messages = self._receiver(queue).receive_messages(1, max_wait_time=20)
            assert messages, f"{len(bodies)} of {count} messages in '{queue}':\n{self.host.text}"
            bodies.append(str(messages[0]))
            self._receiver(queue).complete_message(messages[0])
        return bodies

    def open(self) -> None:
        """Connect to all queues at a time: the SDK takes half a second for each, and for closing it again."""
        connect = [lambda name=name: self._sender(name).__enter__() for name in QUEUES]
        connect += [lambda name=name: self._receiver(name).__enter__() for name in (*QUEUES, *OUTPUTS)]
        _all_at_a_time(connect)

    def close(self) -> None:
        _all_at_a_time([connection.close for connection in self._connections.values()])

    def _sender(self, queue: str) -> Any:
        key = ("to", queue)
        if key not in self._connections:
            self._connections[key] = self._bus.get_queue_sender(queue)
        return self._connections[key]

    def _receiver(self, queue: str) -> Any:
        key = ("from", queue)
        if key not in self._connections:
            self._connections[key] = self._bus.get_queue_receiver(queue)
        return self._connections[key]

    def left(self, queue: str) -> list[str]:
        return [str(message) for message in self._receiver(queue).peek_messages(100)]


def _all_at_a_time(calls: Sequence[Callable[[], Any]]) -> None:
    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    queues: dict[str, dict[str, Any]] = {name: {"MaxDeliveryCount": 3} for name in (*QUEUES, *OUTPUTS)}
    with service_bus(configuration(queues=queues)) as bus_server, azurite() as storage_server:
        settings = {
            "SB": bus_server.connection_string,
            "Storage": storage_server.connection_string,
            "AzureWebJobsStorage": storage_server.connection_string,
        }
        storage = BlobServiceClient.from_connection_string(storage_server.connection_string)
        storage.create_container("scanned").upload_blob("early.txt", "before the host")
        storage.create_container("told")
        folder: Path = write_app(tmp_path_factory.mktemp("app"), APP, settings=settings)
        with (
            ServiceBusClient.from_connection_string(bus_server.connection_string) as bus,
            functions_host(folder) as host,
        ):
            assert sorted(host.functions) == sorted([*QUEUES, "scanned", "told"])
            created = World(host, bus, storage)
            created.open()
            yield created
            created.close()


def test_a_message_and_an_output(world: World) -> None:
    message = ServiceBusMessage(
        '{"text": "Grüße"}', message_id="id-1", correlation_id="c-1", application_properties={"app_id": "a", "n": 1}
    )
    world.send("single", message)
    [body] = world.receive("single-out")
    assert json.loads(body) == {
        "body": '{"text": "Grüße"}',
        "id": "id-1",
        "correlation": "c-1",
        "deliveries": 1,
        "properties": {"app_id": "a", "n": 1},
        "enqueued": "None",
        "sequence": True,
        "missing": [None] * 4,
    }
    assert body.startswith('{\n  "body"')
    wait_until(lambda: world.left("single") == [], what="the end of the message")  # outputs go out before it


def test_a_batch_and_a_list_as_output(world: World) -> None:
    world.send("batch", *(ServiceBusMessage(str(n), message_id=f"m{n}") for n in range(4)))
    seen = [json.loads(body) for body in world.receive("batch-out", 4)]
    assert [(item["body"], item["id"], item["deliveries"]) for item in seen] == [(str(n), f"m{n}", 1) for n in range(4)]
    wait_until(lambda: world.left("batch") == [], what="the end of the message")  # outputs go out before it


@pytest.mark.parametrize("queue", ["failing", "unsendable"])
def test_failing_calls_end_in_the_dead_letters(world: World, queue: str) -> None:
    world.send(queue, ServiceBusMessage(f"to {queue}"))
    assert world.receive(f"{queue}/$DeadLetterQueue") == [f"to {queue}"]
    wait_until(lambda: world.left(queue) == [], what="the end of the message")  # outputs go out before it


def test_a_message_whose_worker_died_comes_again_at_once(world: World) -> None:
    began = time.monotonic()
    world.send("crashing", ServiceBusMessage("x"))
    assert world.receive("crashing-out") == ["2"]
    assert time.monotonic() - began < 30  # the lock lasts a minute


def test_blobs_by_event(world: World) -> None:
    world.storage.get_container_client("told").upload_blob("a b.bin", b"\xff\x00", metadata={"k": "v"})
    [body] = world.receive("told-out")
    assert json.loads(body) == {"name": "told/a b.bin", "length": 2, "hex": "ff00", "meta": {"k": "v"}}


def test_blobs_by_scan_and_as_output(world: World) -> None:
    copy = world.storage.get_blob_client("copies", "early.copy")
    deadline = time.monotonic() + 20
    while not copy.exists():
        assert time.monotonic() < deadline, world.host.text
        time.sleep(0.1)
    assert copy.download_blob().readall() == b"before the host copied"
