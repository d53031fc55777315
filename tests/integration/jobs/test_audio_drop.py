"""Files dropped into the audio container, through the functions host: one message for every version of a file."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage
from azure.storage.blob import BlobServiceClient, ContainerClient

from tests.support.azurite import azurite
from tests.support.host import RunningHost, functions_host, write_app
from tests.support.service_bus import configuration, service_bus

APP = """
from functions import audio_drop

app.register_functions(audio_drop.bp)
"""
GIGABYTE = 1024**3


class World:
    """A host that runs the function alone, its storage, and the in queue."""

    def __init__(self, host: RunningHost, storage: BlobServiceClient, receiver: Any) -> None:
        self.host = host
        self.recordings: ContainerClient = storage.create_container("audio-in")
        self.elsewhere: ContainerClient = storage.create_container("elsewhere")
        self._receiver = receiver

    @property
    def webhook(self) -> str:
        return f"{self.host.url}/runtime/webhooks/blobs?functionName=Host.Functions.audio_dropped"

    def job(self) -> ServiceBusReceivedMessage:
        """The next message of the in queue."""
        messages = self._receiver.receive_messages(1, max_wait_time=20)
        assert messages, self.host.text
        self._receiver.complete_message(messages[0])
        return messages[0]

    def no_more_jobs(self) -> bool:
        return not self._receiver.peek_messages(10)

    def until(self, event: str, count: int = 1) -> None:
        """Wait until the function has written so many of these events."""
        self.host.wait_for_line(event, 30, count=count)

    def post(self, url: str) -> None:
        """Tell of a blob as Event Grid does, late: the version of the event may be long gone."""
        event = {"data": {"url": url, "eTag": "0xOLD", "blobType": "BlockBlob"}}
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.webhook, json.dumps([event]).encode(), {"aeg-event-type": "Notification"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
            assert response.status == 202


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    queues = {"audio-in": {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "PT10M"}}
    with service_bus(configuration(queues=queues)) as bus_server, azurite() as storage_server:
        settings = {
            "AzureWebJobsStorage": storage_server.connection_string,
            "ServiceBusConnection": bus_server.connection_string,
        }
        storage = BlobServiceClient.from_connection_string(storage_server.connection_string)
        with (
            ServiceBusClient.from_connection_string(bus_server.connection_string) as bus,
            bus.get_queue_receiver("audio-in") as receiver,
            functions_host(write_app(tmp_path_factory.mktemp("app"), APP, settings=settings)) as host,
        ):
            yield World(host, storage, receiver)


def body(message: ServiceBusReceivedMessage) -> Any:
    return json.loads(str(message))


def test_files_become_jobs_once_for_each_version(world: World) -> None:
    name = "calls/Anruf ü#7.mp3"
    file = world.recordings.get_blob_client(name)
    file.upload_blob(
        b"one", metadata={"language": "de", "analyse": "summary"}, tags={"app_id": "shop", "Priority": "high"}
    )
    first = world.job()
    assert body(first) == {"audio": f"audio-in/{name}", "language": "de", "analyse": "summary"}
    assert (first.message_id or "").startswith("drop-Anruf-u-7.mp3-")
    assert first.correlation_id == name
    assert first.application_properties == {b"source": b"blob", b"app_id": b"shop", b"priority": b"high"}

    # The same event again, twice: the same message id, which duplicate detection drops.
    for _ in range(2):
        world.post(file.url)
    world.until("audio_dropped job_id=drop-Anruf", 3)
    assert world.no_more_jobs()

    # Another version, and after it an event of the old one.
    file.upload_blob(b"two", overwrite=True)
    second = world.job()
    assert body(second) == {"audio": f"audio-in/{name}"}
    assert second.message_id not in (None, first.message_id)
    world.post(file.url)
    world.until("audio_dropped job_id=drop-Anruf", 5)
    assert world.no_more_jobs()


def test_a_file_of_hours_is_not_read(world: World) -> None:
    world.recordings.get_blob_client("hours.wav").create_page_blob(GIGABYTE)
    assert body(world.job()) == {"audio": "audio-in/hours.wav"}
    [worker] = world.host.worker_pids()
    assert psutil.Process(worker).memory_info().rss < GIGABYTE / 5


def test_what_is_no_recording_is_ignored(world: World) -> None:
    world.recordings.upload_blob(".hidden.mp3", b"x")
    world.recordings.upload_blob("call.mp3.part", b"x")
    world.recordings.upload_blob("folder/empty.mp3", b"")
    world.post(world.elsewhere.upload_blob("call.mp3", b"x").url)
    for reason in ("hidden", "unfinished", "empty", "other_container"):
        world.until(f"reason={reason}")
    world.recordings.upload_blob("real.mp3", b"x")
    assert body(world.job()) == {"audio": "audio-in/real.mp3"}
    assert world.no_more_jobs()
