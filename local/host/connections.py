"""Connections of triggers and bindings: from the name in a binding, through app settings, to a client.

The settings looked for, X being the binding's `connection` (ConfigurationExtensions.cs of azure-webjobs-sdk):
`AzureWebJobsX`, then `X`; each as a connection string, under `ConnectionStrings:` too, or as a section of settings
`X__fullyQualifiedNamespace` (Service Bus), `X__blobServiceUri`, `X__queueServiceUri` or `X__accountName` (storage).
A section is used with DefaultAzureCredential; `X__clientId` chooses a user-assigned identity.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.servicebus.aio import ServiceBusClient
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue import TextBase64DecodePolicy, TextBase64EncodePolicy
from azure.storage.queue.aio import QueueServiceClient

from local.host.app_settings import find_setting
from local.host.bindings import BindingError

HOST_STORAGE = "AzureWebJobsStorage"
"""Where the host keeps its own state, and where storage bindings without a `connection` look."""

DEFAULT_SERVICE_BUS = "ServiceBus"
"""`connection` of Service Bus bindings that name none: the setting AzureWebJobsServiceBus."""

_PREFIXES = ("AzureWebJobs", "")
# The SDK's own default waits 15 s before its first retry, too long for those who poll anyway.
_STORAGE_RETRIES: dict[str, Any] = {
    "retry_total": 2,
    "initial_backoff": 0,
    "increment_base": 1,
    "random_jitter_range": 0,
}


@dataclass(frozen=True, slots=True)
class Connection:
    """What the settings say about one connection.

    Attributes:
        setting: the setting, or the start of the section's settings, that was found.
        connection_string: None for a section.
        options: the section's settings, keys in lower case, such as "fullyqualifiednamespace".
    """

    setting: str
    connection_string: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


def resolve(settings: Mapping[str, str], name: str) -> Connection:
    """Find the settings of a connection.

    Raises:
        BindingError: none of the settings exists; the text names those that were looked for.
    """
    for prefix in _PREFIXES:
        setting = prefix + name
        for key in (f"ConnectionStrings:{setting}", setting):
            if value := find_setting(settings, key):
                return Connection(key, value.strip())
        if options := _section(settings, setting):
            return Connection(setting, None, options)
    raise BindingError(
        f"connection '{name}' has no settings: set '{name}' to a connection string, or settings that begin with "
        f"'{name}__' (looked for 'AzureWebJobs{name}' too)"
    )


def service_bus_client(settings: Mapping[str, str], name: str, *, retries: int = 0) -> ServiceBusClient:
    """A client for a Service Bus namespace. A connection string's endpoint may have a port.

    Args:
        retries: how often the SDK tries an operation again by itself.

    Raises:
        BindingError: the settings are missing or of no use.
    """
    connection = resolve(settings, name or DEFAULT_SERVICE_BUS)
    if connection.connection_string is not None:
        try:
            return ServiceBusClient.from_connection_string(connection.connection_string, retry_total=retries)
        except ValueError as error:
            raise BindingError(f"setting '{connection.setting}' is not a Service Bus connection: {error}") from error
    namespace = _option(connection, ["fullyQualifiedNamespace"])
    return ServiceBusClient(namespace, _credential(connection), retry_total=retries)


def blob_client(settings: Mapping[str, str], name: str) -> BlobServiceClient:
    """A client for the blobs of a storage account.

    Raises:
        BindingError: the settings are missing or of no use.
    """
    connection = resolve(settings, name or HOST_STORAGE)
    if connection.connection_string is not None:
        try:
            return BlobServiceClient.from_connection_string(connection.connection_string, **_STORAGE_RETRIES)
        except ValueError as error:
            raise BindingError(f"setting '{connection.setting}' is not a storage connection: {error}") from error
    return BlobServiceClient(_service_uri(connection, "blob"), _credential(connection), **_STORAGE_RETRIES)


def queue_client(settings: Mapping[str, str], name: str) -> QueueServiceClient:
    """A client for the queues of a storage account. Texts travel in Base64, as the Functions extensions send them.

    Raises:
        BindingError: the settings are missing or of no use.
    """
    connection = resolve(settings, name or HOST_STORAGE)
    options: dict[str, Any] = {
        "message_encode_policy": TextBase64EncodePolicy(),
        "message_decode_policy": TextBase64DecodePolicy(),
        **_STORAGE_RETRIES,
    }
    if connection.connection_string is not None:
        try:
            return QueueServiceClient.from_connection_string(connection.connection_string, **options)
        except ValueError as error:
            raise BindingError(f"setting '{connection.setting}' is not a storage connection: {error}") from error
    return QueueServiceClient(_service_uri(connection, "queue"), _credential(connection), **options)


def _section(settings: Mapping[str, str], name: str) -> dict[str, str]:
    start = f"{name}__".lower()
    return {
        key[len(start) :].lower(): value for key, value in settings.items() if value and key.lower().startswith(start)
    }


def _service_uri(connection: Connection, service: str) -> str:
    if account := connection.options.get("accountname"):
        return f"https://{account}.{service}.core.windows.net"
    return _option(connection, [f"{service}ServiceUri", "serviceUri"], also=["accountName"])


def _option(connection: Connection, names: list[str], also: Iterable[str] = ()) -> str:
    for name in names:
        if value := connection.options.get(name.lower()):
            return value
    wanted = ", ".join(f"'{connection.setting}__{name}'" for name in (*names, *also))
    raise BindingError(f"connection '{connection.setting}' has settings, but none of: {wanted}")


def _credential(connection: Connection) -> AsyncTokenCredential:
    from azure.identity.aio import DefaultAzureCredential  # a third of a second, for those who use it

    return DefaultAzureCredential(managed_identity_client_id=connection.options.get("clientid"))
