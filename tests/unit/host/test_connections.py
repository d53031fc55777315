"""From a binding's `connection` to settings and clients."""

import pytest

from local.host.bindings import BindingError
from local.host.connections import blob_client, queue_client, resolve, service_bus_client

SERVICE_BUS = "Endpoint=sb://localhost:5999;SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true;"
STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    "BlobEndpoint=http://127.0.0.1:7000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:7001/devstoreaccount1;"
)


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"X": "direct"}, "X"),
        ({"AzureWebJobsX": "prefixed"}, "AzureWebJobsX"),
        ({"X": "direct", "AzureWebJobsX": "prefixed"}, "AzureWebJobsX"),
        ({"x": "case doesn't matter"}, "X"),
        ({"ConnectionStrings:X": "section"}, "ConnectionStrings:X"),
        ({"X": "", "X__fullyQualifiedNamespace": "n"}, "X"),
        ({"AzureWebJobsX__accountName": "a", "X": "direct"}, "AzureWebJobsX"),
    ],
)
def test_where_a_connection_is_looked_for(settings: dict[str, str], setting: str) -> None:
    assert resolve(settings, "X").setting == setting


def test_a_section_has_options() -> None:
    connection = resolve({"X__fullyQualifiedNamespace": "n", "X__ClientId": "c", "XY__other": "o"}, "X")
    assert connection.connection_string is None
    assert connection.options == {"fullyqualifiednamespace": "n", "clientid": "c"}


def test_what_is_secret_is_not_shown() -> None:
    assert "secret" not in repr(resolve({"X": "secret"}, "X"))
    assert "secret" not in repr(resolve({"X__clientSecret": "secret"}, "X"))


def test_nothing_found_names_the_settings() -> None:
    with pytest.raises(BindingError, match="set 'X' to a connection string, or settings that begin with 'X__'"):
        resolve({"Y": "1"}, "X")


async def test_service_bus_clients() -> None:
    by_text = service_bus_client({"AzureWebJobsServiceBus": SERVICE_BUS}, "")
    assert by_text.fully_qualified_namespace == "localhost:5999"
    by_identity = service_bus_client({"SB__fullyQualifiedNamespace": "ns.servicebus.windows.net"}, "SB")
    assert by_identity.fully_qualified_namespace == "ns.servicebus.windows.net"


async def test_storage_clients() -> None:
    settings = {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "Text": STORAGE,
        "Named__accountName": "acct",
        "Uris__blobServiceUri": "https://b.example",
        "Uris__queueServiceUri": "https://q.example",
    }
    assert blob_client(settings, "").url == "http://127.0.0.1:10000/devstoreaccount1/"
    assert queue_client(settings, "").url == "http://127.0.0.1:10001/devstoreaccount1/"
    assert blob_client(settings, "Text").url == "http://127.0.0.1:7000/devstoreaccount1/"
    assert queue_client(settings, "Text").url == "http://127.0.0.1:7001/devstoreaccount1/"
    assert blob_client(settings, "Named").url == "https://acct.blob.core.windows.net/"
    assert queue_client(settings, "Named").url == "https://acct.queue.core.windows.net/"
    assert blob_client(settings, "Uris").url == "https://b.example/"
    assert queue_client(settings, "Uris").url == "https://q.example/"


@pytest.mark.parametrize("create", [service_bus_client, blob_client, queue_client])
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"X": "nonsense"}, "setting 'X' is not a"),
        ({"X__something": "1"}, "connection 'X' has settings, but none of: 'X__"),
        ({}, "connection 'X' has no settings"),
    ],
)
async def test_settings_of_no_use(create: object, settings: dict[str, str], reason: str) -> None:
    with pytest.raises(BindingError) as failure:
        create(settings, "X")  # type: ignore[operator]
    assert reason in str(failure.value)
    assert "nonsense" not in str(failure.value)
