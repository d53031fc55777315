"""Request bodies: Azure's refusals, and that nothing crashes the parser."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.model.azure_errors import ApiError
from local.model.requests import ChatRequest, EmbeddingRequest, parse_chat, parse_embeddings

HELLO = [{"role": "user", "content": "hello"}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
# Bodies that get past the first checks: known names, arbitrary values.
ALMOST_CHAT = st.fixed_dictionaries(
    {"messages": st.just(HELLO) | st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": JSON})) | JSON},
    optional={name: JSON for name in ChatRequest.model_fields if name != "messages"}
    | {"response_format": st.fixed_dictionaries({"type": st.just("json_schema"), "json_schema": JSON}) | JSON},
)


def refusal(body: Any, parse: Any = parse_chat) -> dict[str, Any]:
    with pytest.raises(ApiError) as caught:
        parse(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert caught.value.status == 400
    error: dict[str, Any] = caught.value.body["error"]
    return error


def outcome(parse: Callable[[bytes], Any], body: bytes) -> Any:
    """What the parser makes of it: a request or an ApiError; any other exception is a bug."""
    try:
        return parse(body)
    except ApiError as error:
        return error


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for parse in (parse_chat, parse_embeddings):
        result = outcome(parse, body)
        assert isinstance(result, ChatRequest | EmbeddingRequest) or result.body["error"]["message"]


@given(ALMOST_CHAT)
def test_any_value_of_a_chat_argument_is_read_or_refused(body: dict[str, Any]) -> None:
    result = outcome(parse_chat, json.dumps(body).encode())

    assert isinstance(result, ChatRequest) or result.body["error"]["type"] == "invalid_request_error"


@given(st.fixed_dictionaries({"input": JSON}, optional={"dimensions": JSON, "encoding_format": JSON}))
def test_any_value_of_an_embeddings_argument_is_read_or_refused(body: dict[str, Any]) -> None:
    result = outcome(parse_embeddings, json.dumps(body).encode())

    assert isinstance(result, EmbeddingRequest) or result.status == 400


def test_a_full_request_is_read() -> None:
    schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    body = {
        "messages": [{"role": "system", "content": "Be brief."}, *HELLO, {"role": "assistant", "tool_calls": []}],
        "max_tokens": 10,
        "temperature": 0,
        "stop": "END",
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}},
    }

    request = parse_chat(json.dumps(body).encode())

    assert (request.token_limit, request.stops) == (10, ["END"])


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({}, "messages", "Missing required parameter: 'messages'."),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "clown", "content": "x"}]}, "messages[0].role", "Input should be 'system'"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "expected a string, got null"),
        ({"messages": HELLO, "max_tokens": "5"}, "max_tokens", "Invalid type for 'max_tokens'"),
        ({"messages": HELLO, "max_tokens": 5, "max_completion_tokens": 5}, "max_tokens", "at the same time"),
        ({"messages": HELLO, "temperature": 3}, "temperature", "less than or equal to 2"),
        ({"messages": HELLO, "frequency": 1}, None, "Unrecognized request argument supplied: frequency"),
        ({"messages": HELLO, "stream": True}, "stream", "does not stream"),
        ({"messages": HELLO, "response_format": {"type": "xml"}}, "response_format", "does not match any"),
        (
            {"messages": HELLO, "response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "Missing required parameter",
        ),
        ({"messages": HELLO, "response_format": {"type": "json_object"}}, "messages", "must contain the word 'json'"),
        ([], None, "expected an object, but got list"),
        (b'{"messages": NaN}', None, "could not parse the JSON body"),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', None, "could not parse the JSON body"),
        (b"[" * 100_000, None, "could not parse the JSON body"),
    ],
)
def test_chat_refusals_name_what_is_wrong(body: Any, param: str | None, message: str) -> None:
    error = refusal(body)

    assert error["param"] == param
    assert message in error["message"]


@pytest.mark.parametrize(
    "body", [{"input": ""}, {"input": []}, {"input": ["a", ""]}, {"input": ["a"] * 2049}, {"input": {"a": 1}}, {}]
)
def test_embeddings_refusals(body: dict[str, Any]) -> None:
    assert "input" in refusal(body, parse_embeddings)["message"]
