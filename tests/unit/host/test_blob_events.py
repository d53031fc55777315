"""Events of blobs and messages of the blob queue, as far as they can be read without storage."""

import json
from typing import Any

import pytest
from azure.storage.blob import BlobProperties, BlobType
from hypothesis import given
from hypothesis import strategies as st

from local.host.bindings import BindingError
from local.host.blob_eventgrid import blob_message, validation_code
from local.host.blob_invocation import blob_invocation, content_value
from local.host.blob_message import BlobMessage
from local.host.blob_polling import PollingBlobListener
from local.host.blob_trigger import create_listener
from local.host.contracts import Function
from tests.support.host_listeners import RecordingInvoker, function

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "Connection": "UseDevelopmentStorage=true"}
MESSAGE = BlobMessage("Host.Functions.f", "Block", "c", "n", '"0x1"')


@pytest.mark.parametrize(
    ("url", "container", "name"),
    [
        ("https://acct.blob.core.windows.net/c/a/b.txt", "c", "a/b.txt"),
        ("http://127.0.0.1:10000/devstoreaccount1/c/a%20b/%C3%BC", "c", "a b/ü"),
    ],
)
def test_an_event_names_its_blob(url: str, container: str, name: str) -> None:
    event = {"data": {"url": url, "eTag": "0x1", "blobType": "AppendBlob"}}
    assert blob_message(event, "id") == BlobMessage("id", "Append", container, name, '"0x1"')


@given(JSON)
def test_no_event_breaks_the_reader(event: Any) -> None:
    for wrapped in (event, {"data": event}, {"data": {"url": event, "eTag": event, "blobType": event}}):
        try:
            blob_message(wrapped, "id")
        except ValueError:
            continue


@given(JSON)
def test_no_validation_breaks_the_reader(body: Any) -> None:
    for wrapped in (body, [body], [{"data": body}], {"data": body}, {"data": json.dumps(body)}):
        try:
            validation_code(wrapped)
        except ValueError:
            continue


def test_messages_survive_the_queue() -> None:
    assert BlobMessage.from_json(MESSAGE.to_json()) == MESSAGE


@given(JSON | st.fixed_dictionaries({"FunctionId": JSON, "BlobType": JSON, "ContainerName": JSON}))
def test_no_message_breaks_the_reader(content: Any) -> None:
    with pytest.raises(ValueError):
        BlobMessage.from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("content", "data_type", "kind", "value"),
    [
        (b"text", None, "string", "text"),
        ("\ufeffmarked".encode(), None, "string", "marked"),
        ("ü".encode("utf-16"), None, "string", "ü"),
        (b"\x1f\x8b\xff", None, "string", "\x1f�\ufffd"),
        (b"\x1f\x8b\xff", "BINARY", "bytes", b"\x1f\x8b\xff"),
    ],
)
def test_content_by_data_type(content: bytes, data_type: str | None, kind: str, value: Any) -> None:
    datum = _invocation(content, dataType=data_type).inputs["blob"]
    assert (datum.kind, datum.value) == (kind, value)


def test_placeholders_and_json_properties_are_metadata() -> None:
    metadata = _invocation(b'{"customer": 7}', {"name": "n", "uri": "from the path"}).metadata
    assert metadata["name"].value == "n"
    assert metadata["Uri"].value == "from the path"
    assert metadata["customer"].value == "7"


def _invocation(content: bytes, placeholders: dict[str, str] | None = None, **trigger: Any) -> Any:
    function = Function("f", "f", {"name": "blob", "type": "blobTrigger", **trigger}, (), ())
    properties = BlobProperties(name="n", container="c")
    properties.blob_type, properties.etag = BlobType.PAGEBLOB, '"0x1"'
    value = content_value(function.trigger, content)
    return blob_invocation(function, "http://x/c/n", properties, value, placeholders or {})


def test_the_properties_of_a_blob_have_no_etag_as_in_the_cloud() -> None:
    properties = json.loads(_invocation(b"").metadata["Properties"].value)
    assert properties["ETag"] == {}
    assert (properties["BlobType"], properties["TagCount"], properties["ContentHash"]) == (1, 0, None)


@pytest.mark.parametrize(
    ("source", "listener"), [(None, PollingBlobListener), ("LogsAndContainerScan", PollingBlobListener)]
)
async def test_which_listener(source: str | None, listener: type) -> None:
    work = function("blobTrigger", path="inbox/{name}", source=source)
    assert type(create_listener(work, RecordingInvoker(), STORAGE, {}, "host")) is listener


async def test_a_listener_of_events_has_a_webhook() -> None:
    work = function("blobTrigger", path="inbox/{name}", source="EventGrid")
    assert hasattr(create_listener(work, RecordingInvoker(), STORAGE, {}, "host"), "handle")


async def test_functions_of_one_host_share_a_queue_and_hosts_do_not() -> None:
    invoker, other = RecordingInvoker(), RecordingInvoker()
    work = function("blobTrigger", path="inbox/{name}")
    first, second = (create_listener(work, invoker, STORAGE, {}, "host") for _ in range(2))
    assert first.queue is second.queue
    assert create_listener(work, other, STORAGE, {}, "host").queue is not first.queue


@pytest.mark.parametrize(
    ("trigger", "settings", "reason"),
    [
        (
            {"path": "{container}/x"},
            {"Connection": "UseDevelopmentStorage=true"},
            "AzureWebJobsStorage' has no settings",
        ),
        ({"path": "{container}/x"}, STORAGE, "the container can't have placeholders"),
        ({"path": "inbox/x", "connection": "Other"}, STORAGE, "connection 'Other' has no settings"),
    ],
)
async def test_what_is_of_no_use(trigger: dict[str, Any], settings: dict[str, str], reason: str) -> None:
    with pytest.raises(BindingError) as failure:
        create_listener(function("blobTrigger", **trigger), RecordingInvoker(), settings, {}, "host")
    assert reason in str(failure.value)
