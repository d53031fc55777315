"""Messages between host and worker, and the values in them."""

import json
from enum import StrEnum
from typing import Any

import azure.functions as func
import pytest
from azure_functions_runtime.bindings import meta
from azure_functions_runtime.bindings.datumdef import Datum as LibraryDatum
from azure_functions_runtime.bindings.datumdef import datum_as_proto
from hypothesis import given
from hypothesis import strategies as st

from local.host import protos
from local.host.protocol import Decoder, Kind, Message, encode
from local.host.rpc_values import from_typed_data, to_typed_data

VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
MESSAGES = st.lists(st.tuples(st.sampled_from(list(Kind)), VALUES, st.dictionaries(st.text(), VALUES)), max_size=4)


@given(st.lists(MESSAGES, max_size=4), st.integers(1, 40))
def test_messages_arrive_however_they_are_cut(frames: list[list[Message]], piece: int) -> None:
    stream = b"".join(encode(messages) for messages in frames)
    decoder = Decoder()
    received = [m for start in range(0, len(stream), piece) for m in decoder.feed(stream[start : start + piece])]
    assert received == [message for messages in frames for message in messages]
    assert decoder.feed(b"") == []


def test_a_large_message() -> None:
    stream = encode([(Kind.SUCCEEDED, "id", ("bytes", b"x" * 5_000_000), {})]) + encode([(Kind.READY, [])])
    decoder = Decoder()
    received = [m for start in range(0, len(stream), 65_536) for m in decoder.feed(stream[start : start + 65_536])]
    assert [message[0] for message in received] == [Kind.SUCCEEDED, Kind.READY]


def decode(kind: str, value: Any) -> Any:
    """What the worker library makes of a value."""
    datum = LibraryDatum.from_typed_data(to_typed_data((kind, value)))
    return None if datum is None else datum.python_value


@pytest.mark.parametrize(
    ("kind", "value", "seen"),
    [
        ("string", "text", "text"),
        ("string", "", ""),
        ("bytes", b"\xff", b"\xff"),
        ("json", '{"a": 1}', {"a": 1}),
        ("collection_string", ["a", ""], ["a", ""]),
        ("collection_bytes", [b"a", b""], [b"a", b""]),
        ("none", None, None),
    ],
)
def test_inputs_are_what_the_library_reads(kind: str, value: Any, seen: Any) -> None:
    assert decode(kind, value) == seen


def test_a_request_is_what_the_library_reads() -> None:
    fields = {"method": "GET", "url": "http://x/", "headers": {"a": "b"}, "query": {"q": "1"}, "params": {"id": "5"}}
    meta.load_binding_registry()
    for body in (b"", b"content"):
        binding = protos.ParameterBinding(name="req", data=to_typed_data(("http", {**fields, "body": body})))
        request = meta.from_incoming_proto(
            "httpTrigger", binding, pytype=None, trigger_metadata=None, function_name="f"
        )
        assert (request.method, request.url, request.get_body()) == ("GET", "http://x/", body)
        assert (dict(request.headers), dict(request.params)) == ({"a": "b"}, {"q": "1"})
        assert dict(request.route_params) == {"id": "5"}


class Color(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("given_value", "value"),
    [
        ("text", ("string", "text")),
        (Color.RED, ("string", "red")),
        (b"b", ("bytes", b"b")),
        (bytearray(b"b"), ("bytes", b"b")),
        ({"a": [1]}, ("json", '{"a": [1]}')),
        ([1, 2], ("json", "[1, 2]")),
        (5, ("json", "5")),
        (1.5, ("json", "1.5")),
        (None, None),
    ],
)
def test_outputs_of_generic_bindings(given_value: Any, value: Any) -> None:
    data = meta.to_outgoing_proto("generic", given_value, pytype=None, protos=protos)
    found = from_typed_data(data)
    assert found == value
    assert found is None or type(found[1]) in (str, bytes)


def test_a_response_with_cookies() -> None:
    meta.load_binding_registry()
    response = func.HttpResponse(b"\x00body", status_code=418, mimetype="application/x", headers={"X-A": "b"})
    response.headers.add("Set-Cookie", "a=b; Path=/; Expires=Thu, 01 Jan 2026 00:00:00 GMT; Max-Age=5; SameSite=None")
    response.headers.add("Set-Cookie", "c=d; Secure; HttpOnly; Domain=x.org")
    found = from_typed_data(meta.to_outgoing_proto("http", response, pytype=None, protos=protos))
    assert found is not None
    kind, fields = found
    assert (kind, fields["status_code"], fields["body"]) == ("http", "418", ("bytes", b"\x00body"))
    assert fields["headers"] == {"X-A": "b", "content-type": "application/x"}
    first, second = fields["cookies"]
    assert first == {
        "name": "a",
        "value": "b",
        "path": "/",
        "domain": "",
        "expires": 1767225600,
        "max_age": 5.0,
        "secure": False,
        "http_only": False,
        "same_site": "none",
    }
    assert (second["secure"], second["http_only"], second["domain"]) == (True, True, "x.org")
    assert (second["expires"], second["max_age"], second["same_site"]) == (None, None, "")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_json_value_becomes_text(value: Any) -> None:
    found = from_typed_data(datum_as_proto(LibraryDatum(json.dumps(value), "json"), protos))
    assert found == ("json", json.dumps(value))
