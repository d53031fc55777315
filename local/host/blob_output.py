"""The blob output binding: writes a value as a whole blob, in a container that is made if it isn't there."""

import asyncio
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient

from local.host import binding_expressions, newtonsoft
from local.host.bindings import BindingError
from local.host.connections import blob_client
from local.host.contracts import Datum, FunctionFailedError
from local.host.outage import explain
from local.host.timer_status import ensure_container


class BlobOutput:
    """Writes values of `blob` bindings. An existing blob is replaced.

    Args:
        settings: all app settings, for the bindings' `connection`.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._clients: dict[str, BlobServiceClient] = {}

    async def send(self, binding: Mapping[str, Any], value: Datum, metadata: Mapping[str, Datum]) -> None:
        """Write a value to the binding's `path`, "container/name" with placeholders.

        Raises:
            FunctionFailedError: the path can't be filled in, or storage refused.
        """
        name = binding.get("name")
        try:
            pattern = binding_expressions.parse(str(binding.get("path") or ""))
            path = pattern.resolve(binding_expressions.values_of(metadata))
            container, _, blob_name = path.strip("/").partition("/")
            if not container or not blob_name:
                raise ValueError(f"the path '{path}' isn't of the form container/name")
            client = self._client(str(binding.get("connection") or ""))
            await _write(client, container, blob_name, content(value))
        except (ValueError, BindingError) as error:
            raise FunctionFailedError(f"output '{name}' can't be written: {error}") from error
        except AzureError as error:
            raise FunctionFailedError(f"output '{name}' can't be written: {explain(error)}") from error

    async def close(self) -> None:
        """Close all connections."""
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.close() for client in clients))

    def _client(self, connection: str) -> BlobServiceClient:
        if connection not in self._clients:
            self._clients[connection] = blob_client(self._settings, connection)
        return self._clients[connection]


def content(value: Datum) -> bytes:
    """The bytes of a value: texts in UTF-8, JSON without white space (FunctionBinding.ConvertValueToStream).

    Raises:
        ValueError: the value is neither text, bytes nor JSON.
    """
    match value.kind:
        case "bytes":
            return bytes(value.value)
        case "string":
            return str(value.value).encode("utf-8")
        case "json":
            return newtonsoft.compact(newtonsoft.parse(value.value, dates=False)).encode("utf-8")
    raise ValueError(f"a value of kind '{value.kind}' can't be written to a blob")


async def _write(client: BlobServiceClient, container: str, blob_name: str, data: bytes) -> None:
    blob = client.get_blob_client(container, blob_name)
    try:
        await blob.upload_blob(data, overwrite=True)
    except ResourceNotFoundError:
        await ensure_container(client.get_container_client(container))
        await blob.upload_blob(data, overwrite=True)
