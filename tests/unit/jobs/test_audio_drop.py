"""Files in the audio container: which become jobs, and what the jobs say."""

import json
import logging
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MessagingError, StorageError
from shared.jobs.audio_drop import AudioDrops, ignored_content, ignored_name, job_id, job_of
from shared.messages import OutgoingMessage, Priority
from shared.storage.blob_facts import BlobFacts
from tests.support.memory import MemorySender

FILE = BlobFacts("audio-in", "calls/Anruf 7.mp3", "0x8DD1", 5_000_000, {})
NAMES = st.text(min_size=1, max_size=1024)
VERSIONS = st.tuples(st.text("ab0-", min_size=3), NAMES, st.text("0x8D", min_size=1))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("call.mp3", None),
        ("a/b/c d.wav", None),
        ("no-ending", None),
        ("tmp/call.mp3", None),
        ("call.tmp.mp3", None),
        (".call.mp3", "hidden"),
        ("a/.DS_Store", "hidden"),
        ("call.mp3.tmp", "unfinished"),
        ("a/call.PART", "unfinished"),
        ("call.mp3.crdownload", "unfinished"),
        ("folder/", "folder"),
    ],
)
def test_names_that_are_no_recordings(name: str, reason: str | None) -> None:
    assert ignored_name(name) == reason


@pytest.mark.parametrize(
    ("size", "labels", "reason"),
    [
        (1, {}, None),
        (1, {"hdi_isfolder": "true"}, None),
        (0, {"hdi_isfolder": "true"}, "folder"),
        (0, {}, "empty"),
    ],
)
def test_contents_that_are_no_recordings(size: int, labels: dict[str, str], reason: str | None) -> None:
    assert ignored_content(replace(FILE, size=size, labels=labels)) == reason


def test_a_file_becomes_a_message() -> None:
    assert job_of(FILE) == OutgoingMessage(
        message_id="drop-Anruf-7.mp3-426e346dcbdb1b07",
        body='{"audio":"audio-in/calls/Anruf 7.mp3"}',
        correlation_id="calls/Anruf 7.mp3",
        properties={"source": "blob", "app_id": None, "priority": None, "traceparent": None},
    )


def test_labels_go_into_the_job() -> None:
    labels = {"language": " de ", "analyse": "Summary", "app_id": "shop", "priority": "high", "other": "x"}
    labels["traceparent"] = traceparent = f"00-{'1' * 32}-{'2' * 16}-01"
    job = job_of(replace(FILE, labels=labels))
    assert json.loads(job.body) == {"audio": "audio-in/calls/Anruf 7.mp3", "language": "de", "analyse": "summary"}
    assert job.properties == {
        "source": "blob",
        "app_id": "shop",
        "priority": Priority.HIGH,
        "traceparent": traceparent,
    }


@pytest.mark.parametrize(("label", "value"), [("none", "none"), ("maybe", "maybe"), ("", None)])
def test_what_is_no_analysis_is_left_to_the_job_to_refuse(label: str, value: str | None) -> None:
    assert json.loads(job_of(replace(FILE, labels={"analyse": label})).body).get("analyse") == value


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("a/b/Müller & Söhne (2).m4a", "Muller-Sohne-2.m4a"),
        ("会議.wav", "wav"),
        ("会議", "file"),
        ("x" * 200 + ".mp3", "x" * 60),
    ],
)
def test_ids_show_the_file_name(name: str, readable: str) -> None:
    assert re.fullmatch(re.escape(f"drop-{readable}-") + "[0-9a-f]{16}", job_id(replace(FILE, name=name)))


@given(NAMES)
def test_every_name_makes_an_id_that_service_bus_takes(name: str) -> None:
    assert re.fullmatch(r"drop-[A-Za-z0-9][A-Za-z0-9.-]{0,59}-[0-9a-f]{16}", job_id(replace(FILE, name=name)))


@given(first=VERSIONS, second=VERSIONS)
def test_ids_differ_where_container_name_or_version_does(
    first: tuple[str, str, str], second: tuple[str, str, str]
) -> None:
    ids = [job_id(BlobFacts(container, name, etag, 1, {})) for container, name, etag in (first, second)]
    assert (ids[0] == ids[1]) is (first == second)


class Blobs:
    """A BlobLookup of one container."""

    def __init__(self, *blobs: BlobFacts) -> None:
        self.blobs = {blob.name: blob for blob in blobs}
        self.looked_at: list[str] = []
        self.failing = False

    async def facts(self, container: str, name: str) -> BlobFacts | None:
        if self.failing:
            raise StorageError("Storage is away.")
        self.looked_at.append(name)
        return self.blobs.get(name)


@pytest.fixture
def sender() -> MemorySender:
    return MemorySender(["audio-in"])


async def test_events_that_come_again_send_the_same_message_and_a_new_version_another(sender: MemorySender) -> None:
    blobs = Blobs(FILE)
    drops = AudioDrops(blobs, sender, "audio-in", "audio-in")
    for _ in range(3):
        await drops.take("audio-in", FILE.name)
    assert sender.queues["audio-in"] == [job_of(FILE)]
    blobs.blobs[FILE.name] = newer = replace(FILE, etag="0x8DD2")
    for _ in range(2):
        await drops.take("audio-in", FILE.name)
    assert sender.queues["audio-in"] == [job_of(FILE), job_of(newer)]


@pytest.mark.parametrize(
    ("container", "name", "reason", "looked"),
    [
        ("audio-in", "gone.mp3", "gone", True),
        ("audio-in", "empty.mp3", "empty", True),
        ("audio-in", ".hidden", "hidden", False),
        ("sluice-payloads", FILE.name, "other_container", False),
    ],
)
async def test_what_is_ignored_is_logged(
    sender: MemorySender,
    caplog: pytest.LogCaptureFixture,
    container: str,
    name: str,
    reason: str,
    looked: bool,
) -> None:
    caplog.set_level(logging.INFO)
    blobs = Blobs(FILE, replace(FILE, name="empty.mp3", size=0))
    await AudioDrops(blobs, sender, "audio-in", "audio-in").take(container, name)
    assert sender.queues["audio-in"] == []
    [record] = caplog.records
    said = vars(record)
    assert (said["event"], said["fields"]) == (
        "audio_drop_ignored",
        {"blob": f"{container}/{name}", "reason": reason},
    )
    assert blobs.looked_at == ([name] if looked else [])


async def test_failures_are_the_hosts_to_repeat(sender: MemorySender) -> None:
    blobs = Blobs(FILE)
    drops = AudioDrops(blobs, sender, "audio-in", "audio-in")
    blobs.failing = True
    with pytest.raises(StorageError):
        await drops.take("audio-in", FILE.name)
    blobs.failing, sender.failing = False, True
    with pytest.raises(MessagingError):
        await drops.take("audio-in", FILE.name)
    sender.failing = False
    await drops.take("audio-in", FILE.name)
    assert sender.queues["audio-in"] == [job_of(FILE)]
