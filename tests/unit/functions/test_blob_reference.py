"""BlobReference in Microsoft's worker library: found by its annotation, made from what the host sends."""

from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest
from azure_functions_runtime import loader
from azure_functions_runtime.bindings import meta
from azure_functions_runtime.functions import FunctionLoadError, Registry
from azurefunctions.extensions.base import get_binding_registry
from hypothesis import given
from hypothesis import strategies as st

from functions.blob_reference import BlobReference
from local.host import protos
from local.host.deferred import blob_reference
from local.host.protocol import Value
from local.host.rpc_values import to_typed_data


@pytest.fixture(scope="module", autouse=True)
def registry() -> Any:
    """What the library looks up at its first use; in this process that may have been before the extension was there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meta, "DEFERRED_BINDING_REGISTRY", get_binding_registry())
        meta.load_binding_registry()
        yield


def decode(value: Value) -> Any:
    return meta.from_incoming_proto(
        "blobTrigger",
        protos.ParameterBinding(name="blob", data=to_typed_data(value)),
        pytype=BlobReference,
        trigger_metadata={"BlobTrigger": to_typed_data(("string", "c/n"))},
        function_name="f",
        is_deferred_binding=True,
    )


@given(container=st.text(), name=st.text())
def test_every_name_arrives(container: str, name: str) -> None:
    datum = blob_reference("Storage", container, name)
    found = decode((datum.kind, datum.value))
    assert (found.container, found.name) == (container, name)


@pytest.mark.parametrize("value", [("string", "content"), ("bytes", b"content"), ("none", None)])
def test_content_is_refused(value: Value) -> None:
    with pytest.raises(ValueError, match="no reference to a blob"):
        decode(value)


def index(annotation: type, decorate: Callable[[func.FunctionApp], Any]) -> list[str]:
    """The bindings that the library tells the host of."""

    async def work(blob: Any) -> None: ...

    work.__annotations__["blob"] = annotation
    app = func.FunctionApp()
    decorate(app)(work)
    results, _ = loader.process_indexed_function(protos, Registry(), app.get_functions(), "folder")
    return list(results[0].raw_bindings)


def blob_trigger(app: func.FunctionApp) -> Any:
    return app.blob_trigger(arg_name="blob", path="c/{name}", connection="Storage")


def test_the_annotation_makes_a_binding_deferred() -> None:
    [binding] = index(BlobReference, blob_trigger)
    assert '"properties": {"SupportsDeferredBinding": true}' in binding
    [binding] = index(func.InputStream, blob_trigger)
    assert "SupportsDeferredBinding" not in binding


def test_the_annotation_is_for_blobs_alone() -> None:
    with pytest.raises(FunctionLoadError, match="do not match"):
        index(BlobReference, lambda app: app.queue_trigger(arg_name="blob", queue_name="q", connection="Storage"))
