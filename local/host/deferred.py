"""Deferred bindings ("SDK type bindings"): the worker gets the name of a blob instead of its content.

A parameter whose annotation a worker extension supports has `properties.SupportsDeferredBinding` in its binding. The
host then sends ModelBindingData, and the extension makes a client of it in the worker. Sources: BindingMetadata.cs,
GeneralScriptBindingProvider.cs and WorkerFunctionDescriptorProvider.cs of azure-functions-host, FunctionRpc.proto;
BlobsExtensionConfigProvider.cs of azure-sdk-for-net with its changes in 5.1.3 and 5.2.0.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from local.host.contracts import Datum, Function

DEFERRABLE = frozenset({"blob", "blobTrigger"})
"""Binding types for which this host has a reference to send."""

_EXPRESSION = re.compile(r"{(.*?)\}")


def is_deferred(binding: Mapping[str, Any]) -> bool:
    """Whether the worker wants a reference for this binding."""
    return (binding.get("properties") or {}).get("SupportsDeferredBinding") is True


def sends_reference(function: Function) -> bool:
    """Whether the trigger's value is a reference.

    With a binding expression such as `{name}` in another binding the real host sends the content all the same, on
    which the extension's converter fails. It looks at the first other binding only, inputs before outputs.
    """
    if not is_deferred(function.trigger):
        return False
    first = next(iter((*function.inputs, *function.outputs)), {})
    return not any(isinstance(value, str) and _EXPRESSION.search(value) for value in first.values())


def blob_reference(connection: str, container: str, name: str) -> Datum:
    """What travels in place of a blob.

    Args:
        connection: as the binding names it; the worker looks for a setting of exactly this name.
        name: empty for a container.
    """
    content = {"Connection": connection, "ContainerName": container, "BlobName": name}
    return Datum(
        "model_binding_data",
        {
            "version": "1.0",
            "source": "AzureStorageBlobs",
            "content_type": "application/json",
            "content": json.dumps(content).encode(),
        },
    )
