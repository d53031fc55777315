"""Responses to what functions return."""

import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from local.host.contracts import Datum
from local.host.http_messages import response_from

NAMES = st.sampled_from(["body", "Body", "statusCode", "status", "headers", "x-a", "a b"]) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=8,
)


def http(**fields: Any) -> Datum:
    return Datum("http", {"status_code": "200", "headers": {}, "cookies": [], "body": ("bytes", b""), **fields})


def body(response: web.Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


def test_a_response_of_the_sdk() -> None:
    response = response_from(http(status_code="201", headers={"Content-Type": "a/b", "X-A": "b"}, body=("bytes", b"x")))
    assert (response.status, body(response)) == (201, b"x")
    assert (response.headers["content-type"], response.headers["x-a"]) == ("a/b", "b")


def test_the_server_decides_about_length_and_connection() -> None:
    response = response_from(http(headers={"Content-Length": "5", "Connection": "close", "Transfer-Encoding": "x"}))
    assert not {"content-length", "connection", "transfer-encoding"} & {name.lower() for name in response.headers}


@pytest.mark.parametrize("value", [None, Datum("none")])
def test_nothing_is_an_empty_response(value: Datum | None) -> None:
    assert response_from(value).status == 200


@pytest.mark.parametrize(
    "fields",
    [{"status_code": "x"}, {"status_code": "99"}, {"headers": {"a": "b\r\nc: d"}}, {"headers": {"a b": "c"}}],
)
def test_what_cannot_be_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"status|header|invalid literal"):
        response_from(http(**fields))


@pytest.mark.parametrize(
    ("text", "status", "content"),
    [
        ("plain text", 200, "plain text"),
        ("", 200, ""),
        ("null", 200, ""),
        ("1.50", 200, "1.5"),
        ('"quoted"', 200, "quoted"),
        ("[]", 200, "[]"),
        ('{"Body": {"a": 1}, "STATUS": "404"}', 404, '{\n  "a": 1\n}'),
        ('{"body": "x", "statusCode": "often"}', 200, "x"),
        ('{"body": null, "statusCode": 404}', 200, '{\n  "body": null,\n  "statusCode": 404\n}'),
    ],
)
def test_strings_are_treated_as_the_real_host_treats_them(text: str, status: int, content: str) -> None:
    response = response_from(Datum("string", text))
    assert (response.status, body(response).decode()) == (status, content)


@given(st.text() | JSON.map(json.dumps))
def test_any_string_is_sent_or_refused(text: str) -> None:
    try:
        response = response_from(Datum("string", text))
    except ValueError:
        return
    assert 200 <= response.status <= 999


@given(st.dictionaries(st.text(), st.text()), st.text())
def test_headers_never_hold_a_line_break(headers: dict[str, str], status: str) -> None:
    try:
        response = response_from(http(headers=headers, status_code=status))
    except ValueError:
        return
    assert not [name for name, value in response.headers.items() if set("\r\n") & set(name + value)]
