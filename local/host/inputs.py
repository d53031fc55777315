"""Input bindings beside the trigger: values fetched before a function runs."""

from collections.abc import Mapping
from typing import Any, Protocol

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient

from local.host import binding_expressions, connections
from local.host.bindings import BindingError
from local.host.contracts import Datum, Function, FunctionFailedError
from local.host.deferred import blob_reference, is_deferred


class InputBinding(Protocol):
    """Fetches one input value."""

    async def fetch(self, binding: Mapping[str, Any], function: Function, metadata: Mapping[str, Datum]) -> Datum: ...

    async def close(self) -> None: ...


class BlobInput:
    """`blob` with direction IN: the whole blob, or nothing if there is no such blob; or a reference to it, unseen.

    Without data_type=func.DataType.BINARY it is read as text, as the real host does: what isn't UTF-8 arrives with
    replacement characters, a byte order mark is lost (WorkerFunctionInvoker.BindInputsAsync, ConvertStreamToValue).

    Args:
        settings: all app settings, for the binding's `connection`.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._clients: dict[str, BlobServiceClient] = {}

    async def fetch(self, binding: Mapping[str, Any], function: Function, metadata: Mapping[str, Datum]) -> Datum:
        """Read the blob at the binding's `path`, its placeholders filled in from the trigger's metadata.

        Raises:
            FunctionFailedError: the path can't be filled in, or storage refused.
        """
        try:
            pattern = binding_expressions.parse(str(binding.get("path", "")))
            path = pattern.resolve(binding_expressions.values_of(metadata), function.name)
            container, _, blob = path.strip("/").partition("/")
            if is_deferred(binding):
                return blob_reference(str(binding.get("connection") or connections.HOST_STORAGE), container, blob)
            client = self._client(str(binding.get("connection", ""))).get_blob_client(container, blob)
            content = await (await client.download_blob()).readall()
        except ResourceNotFoundError:
            return Datum("none")
        except (ValueError, BindingError, AzureError) as error:
            raise FunctionFailedError(f"input '{binding['name']}' can't be read: {error}") from error
        if str(binding.get("dataType", "")).upper() == "BINARY":
            return Datum("bytes", content)
        return Datum("string", content.decode("utf-8-sig", errors="replace"))

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    def _client(self, connection: str) -> BlobServiceClient:
        if connection not in self._clients:
            self._clients[connection] = connections.blob_client(self._settings, connection)
        return self._clients[connection]


def create_inputs(settings: Mapping[str, str], durable: InputBinding) -> dict[str, InputBinding]:
    """One object per input binding type.

    Args:
        durable: makes durable clients.
    """
    return {"blob": BlobInput(settings), "durableClient": durable}
