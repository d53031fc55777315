"""What a model takes of the chat API."""

import json
from typing import Any

import pytest

from local.model.azure_errors import ApiError
from local.model.model_rules import check_request, sizes_of
from local.model.requests import parse_chat

HELLO = [{"role": "user", "content": "hello"}]


def check(model: str, prompt_tokens: int = 10, **arguments: Any) -> None:
    check_request(parse_chat(json.dumps({"messages": HELLO, **arguments}).encode()), model, prompt_tokens)


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("gpt-4o", {"max_tokens": 16_384, "temperature": 0}),
        ("gpt-4o", {"max_completion_tokens": 16_384}),
        ("our-own-name", {"max_tokens": 10, "top_p": 0.5}),
        ("gpt-5-chat", {"max_tokens": 10, "temperature": 0}),
        ("o3-mini", {"max_completion_tokens": 100_000, "reasoning_effort": "high"}),
        ("gpt-5", {"max_completion_tokens": 10, "reasoning_effort": "minimal", "temperature": 1}),
        ("o4-mini", {"temperature": 1.0}),
    ],
)
def test_accepted(model: str, arguments: dict[str, Any]) -> None:
    check(model, **arguments)


UNKNOWN = "Unsupported parameter: '{}' is not supported with this model."


@pytest.mark.parametrize(
    ("model", "arguments", "code", "message"),
    [
        ("o3-mini", {"max_tokens": 5}, "unsupported_parameter", UNKNOWN.format("max_tokens") + " Use 'max_completion"),
        ("o3-mini", {"temperature": 0}, "unsupported_parameter", UNKNOWN.format("temperature")),
        ("o1", {"top_p": 1}, "unsupported_parameter", UNKNOWN.format("top_p")),
        ("gpt-5", {"logprobs": True}, "unsupported_parameter", UNKNOWN.format("logprobs")),
        ("gpt-5", {"temperature": 0.5}, "unsupported_value", "'temperature' does not support 0.5 with this model."),
        ("o3-mini", {"reasoning_effort": "minimal"}, "unsupported_value", "Supported values are: 'low', 'medium', and"),
        ("o1-mini", {"reasoning_effort": "low"}, None, "Unrecognized request argument supplied: reasoning_effort"),
        ("gpt-4o", {"reasoning_effort": "low"}, None, "Unrecognized request argument supplied: reasoning_effort"),
        ("gpt-4o", {"max_tokens": 20_000}, "invalid_value", "max_tokens is too large: 20000."),
        ("o3", {"max_completion_tokens": 100_001}, "invalid_value", "max_completion_tokens is too large: 100001."),
        (
            "gpt-4o",
            {"max_tokens": 16_000, "prompt_tokens": 112_001},
            "context_length_exceeded",
            "(112001 in the messages",
        ),
        ("o3", {"prompt_tokens": 200_001}, "context_length_exceeded", "maximum context length is 200000 tokens"),
    ],
)
def test_refused(model: str, arguments: dict[str, Any], code: str | None, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        check(model, **arguments)

    assert caught.value.status == 400
    assert caught.value.body["error"]["code"] == code
    assert message in caught.value.body["error"]["message"]


def test_sizes() -> None:
    assert sizes_of("gpt-4o-mini") == (128_000, 16_384)
    assert sizes_of("gpt-4.1-nano").context > 1_000_000
    assert sizes_of("gpt-5-chat") == (128_000, 16_384)
