"""Token counts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.client import ChatMessage
from shared.model.encodings import load_encoding
from shared.model.tokens import (
    DEFAULT_MAX_TOKENS,
    count_message_tokens,
    count_tokens,
    estimate_request_tokens,
)

# The example of openai-cookbook, "How to count tokens with tiktoken", with the prompt tokens that the API itself gave
# for it. Its messages have names, which ours can't: each costs one token and those of the name itself.
COOKBOOK = [
    (
        "system",
        "",
        "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    ),
    ("system", "example_user", "New synergies will help drive top-line growth."),
    ("system", "example_assistant", "Things working well together will increase revenue."),
    (
        "system",
        "example_user",
        "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    ),
    ("system", "example_assistant", "Let's talk later when we're less busy about how to do better."),
    (
        "user",
        "",
        "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    ),
]


@pytest.mark.parametrize(("model", "api_tokens"), [("gpt-3.5-turbo", 129), ("gpt-4", 129), ("gpt-4o", 124)])
def test_agrees_with_the_api(model: str, api_tokens: int) -> None:
    messages: list[ChatMessage] = [{"role": role, "content": text} for role, _, text in COOKBOOK]  # type: ignore[typeddict-item]
    names = sum(1 + count_tokens(name, model) for _, name, _ in COOKBOOK if name)
    assert count_message_tokens(messages, model) + names == api_tokens


def test_special_tokens_in_text_are_plain_text() -> None:
    assert count_tokens("<|endoftext|>") == 7
    assert count_tokens("<|im_start|>system<|im_end|>") > 7


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_text_can_be_counted(text: str) -> None:
    tokens = count_tokens(text)
    assert (tokens == 0) == (text == "")
    assert tokens <= len(text.encode("utf-8", "replace")) * 3


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
@pytest.mark.parametrize("unit", ["a", " ", "\u00a0", "\n", "!", "Aa", "\u0301", "\ud800"])
def test_endless_repetition_is_counted(model: str, unit: str) -> None:
    short = count_tokens(unit * 100_000, model)
    assert count_tokens(unit * 1_100_000 + "x", model) == pytest.approx(short * 11, rel=0.01)


def test_slices_hardly_change_the_count() -> None:
    text = "It arrived late, and the box (of 12) was torn: what now? \n" * 6_000
    exact = len(load_encoding("o200k_base").encode_ordinary(text))
    assert exact <= count_tokens(text) <= exact + 2 * (len(text) // 100_000)


SCHEMA: dict[str, Any] = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
HELLO: list[ChatMessage] = [{"role": "user", "content": "hello world"}]


def test_estimate_adds_prompt_and_largest_answer() -> None:
    # 3 for the reply, 3 for the message, 1 for its role, 2 for its text.
    assert estimate_request_tokens(HELLO, 100) == 3 + 3 + 1 + 2 + 100
    assert estimate_request_tokens(HELLO) == 9 + DEFAULT_MAX_TOKENS


def test_estimate_counts_the_schema() -> None:
    without = estimate_request_tokens(HELLO, 100)
    schema_tokens = count_tokens(json.dumps(SCHEMA, separators=(",", ":")))
    given_format = {"type": "json_schema", "json_schema": {"name": "label", "strict": True, "schema": SCHEMA}}
    with_schema = estimate_request_tokens(HELLO, 100, response_format=given_format)
    assert schema_tokens < with_schema - without <= schema_tokens + 10
    described = {"type": "json_schema", "json_schema": {"name": "label", "description": "A label.", "schema": SCHEMA}}
    assert estimate_request_tokens(HELLO, 100, response_format=described) > with_schema
    assert estimate_request_tokens(HELLO, 100, response_format={"type": "json_object"}) == without
