"""References to blobs in place of their content."""

import json
from typing import Any

import pytest

from local.host.contracts import Function
from local.host.deferred import blob_reference, is_deferred, sends_reference

DEFERRED = {"SupportsDeferredBinding": True}
TRIGGER = {"type": "blobTrigger", "name": "blob", "path": "c/{name}", "properties": DEFERRED}


@pytest.mark.parametrize(
    ("properties", "deferred"),
    [(DEFERRED, True), ({"SupportsDeferredBinding": False}, False), ({}, False), (None, False)],
)
def test_a_binding_says_whether_it_is_deferred(properties: Any, deferred: bool) -> None:
    assert is_deferred({"properties": properties}) is deferred
    assert sends_reference(Function("f", "f", {**TRIGGER, "properties": properties}, (), ())) is deferred


@pytest.mark.parametrize(
    ("inputs", "outputs", "sent"),
    [
        ([], [], True),
        ([{"type": "blob", "path": "other/fixed"}], [{"type": "serviceBus", "queueName": "out"}], True),
        ([{"type": "blob", "path": "other/{name}"}], [], False),
        ([], [{"type": "blob", "path": "other/{name}.txt"}], False),
        # The real host returns with its first look.
        ([{"type": "blob", "path": "other/fixed"}], [{"type": "blob", "path": "other/{name}"}], True),
    ],
)
def test_an_expression_in_another_binding_makes_the_host_send_the_content(
    inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], sent: bool
) -> None:
    assert sends_reference(Function("f", "f", TRIGGER, tuple(inputs), tuple(outputs))) is sent


def test_a_reference_holds_names_and_no_content() -> None:
    found = blob_reference("AzureWebJobsStorage", "audio-in", "a b/ü.wav")
    assert found.kind == "model_binding_data"
    content = json.loads(found.value.pop("content"))
    assert content == {"Connection": "AzureWebJobsStorage", "ContainerName": "audio-in", "BlobName": "a b/ü.wav"}
    assert found.value == {"version": "1.0", "source": "AzureStorageBlobs", "content_type": "application/json"}
