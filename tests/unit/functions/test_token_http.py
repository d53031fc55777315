"""Requests to the token counter's endpoints: any body is answered, a bad one with a problem (RFC 9457)."""

import asyncio
import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.token_http import _body, _respond
from shared.errors import InvalidMessageError
from shared.http_api.messages import Request, Trail
from shared.quota.operations import parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


TRAIL = Trail("mine", "0" * 31 + "1")


def request(body: bytes) -> Request:
    return Request("POST", "/api/tokens/gpt/lock", {"deployment": "gpt"}, body=body)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_object_or_refused(raw: bytes) -> None:
    with suppress(InvalidMessageError):
        assert isinstance(_body(request(raw)), dict)


@given(st.dictionaries(st.text(), JSON))
def test_an_object_comes_through(value: dict[str, Any]) -> None:
    assert _same(_body(request(json.dumps(value).encode())), value)


@pytest.mark.parametrize("raw", [b"", b" \n"])
def test_no_body_is_an_empty_object(raw: bytes) -> None:
    assert _body(request(raw)) == {}


@pytest.mark.parametrize(
    "raw",
    [b"[", b"[]", b"1", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000],
    ids=["cut", "list", "number", "null", "text", "bytes", "deep", "deep-object", "long-number"],
)
def test_a_bad_body_gets_a_problem(raw: bytes) -> None:
    async def never(_: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError("it is refused before")

    response = asyncio.run(_respond(request(raw), TRAIL, never))
    assert (response.status, response.content_type) == (400, "application/problem+json")
    assert json.loads(response.body) == {
        "type": "/api/docs#invalid_message",
        "title": "Bad Request",
        "status": 400,
        "detail": "The body must be a JSON object.",
        "code": "invalid_message",
        "trace_id": TRAIL.trace_id,
        "correlation_id": "mine",
    }


@pytest.mark.parametrize(
    ("code", "status"),
    [("oversized_request", 413), ("not_configured", 409), ("unavailable", 503), ("invalid_message", 400)],
)
def test_answers_that_are_errors_become_problems(code: str, status: int) -> None:
    async def refuse(_: dict[str, Any]) -> dict[str, Any]:
        return {"ok": False, "code": code, "error": "why"}

    response = asyncio.run(_respond(request(b"{}"), TRAIL, refuse))
    problem = json.loads(response.body)
    assert response.status == status
    assert (problem["status"], problem["code"], problem["detail"]) == (status, code, "why")


def test_a_refused_lock_is_an_answer() -> None:
    async def refuse(_: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "allowed": False}

    response = asyncio.run(_respond(request(b"{}"), TRAIL, refuse))
    assert (response.status, response.content_type) == (200, "application/json")
    assert json.loads(response.body) == {"allowed": False}


@given(st.fixed_dictionaries({}, optional={"id": JSON, "token_count": JSON}))
def test_whatever_is_locked_is_understood_or_refused(body: dict[str, Any]) -> None:
    read = _body(request(json.dumps(body).encode()))
    with suppress(InvalidMessageError):
        parse("lock", {"id": read.get("id") or "x", "tokens": read.get("token_count")})


def _same(left: Any, right: Any) -> bool:
    """Equal, NaN included."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return bool(left == right)
