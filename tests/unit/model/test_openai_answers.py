"""Bodies of successful responses."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ModelUnavailableError
from shared.model.client import Completion, QuotaHeaders, Usage
from shared.model.openai_answers import REFUSAL, parse_completion


def _body(**changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
        **changes,
    }


def _choice(finish_reason: str, **message: Any) -> list[dict[str, Any]]:
    return [{"message": message, "finish_reason": finish_reason}]


def test_a_whole_answer() -> None:
    headers = {"x-ratelimit-remaining-tokens": "5", "apim-request-id": "r1"}
    assert parse_completion(json.dumps(_body()).encode(), headers) == Completion(
        text="Hello.",
        model="gpt-4o-2024-08-06",
        finish_reason="stop",
        usage=Usage(12, 3),
        quota=QuotaHeaders(remaining_tokens=5),
        request_id="r1",
    )


@pytest.mark.parametrize(
    ("choices", "text", "finish_reason"),
    [
        (_choice("length", content=None), "", "length"),
        (_choice("content_filter"), "", "content_filter"),
        (_choice("stop", content=None, refusal="I can't."), "", REFUSAL),
    ],
)
def test_answers_without_text(choices: list[dict[str, Any]], text: str, finish_reason: str) -> None:
    completion = parse_completion(json.dumps(_body(choices=choices)).encode(), {})
    assert (completion.text, completion.finish_reason) == (text, finish_reason)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", "the whole"),
        (b"<html>Bad gateway</html>", "the whole"),
        (b"{}", "model"),
        (b"[]", "the whole"),
        (json.dumps(_body(choices=[])).encode(), "choices"),
        (json.dumps(_body(choices=_choice("stop", content=["secret"]))).encode(), "choices.0.message.content"),
        (json.dumps(_body(usage=None)).encode(), "usage"),
        (json.dumps(_body(usage={"prompt_tokens": -1, "completion_tokens": 1})).encode(), "usage.prompt_tokens"),
        (b'{"model": "\xff\xfe"}', "the whole"),
    ],
)
def test_anything_else_is_unavailable(content: bytes, where: str) -> None:
    with pytest.raises(ModelUnavailableError, match=f"{where} is at fault") as caught:
        parse_completion(content, {})
    assert caught.value.reached
    assert "secret" not in str(caught.value)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_no_body_surprises(content: bytes) -> None:
    with pytest.raises(ModelUnavailableError):
        parse_completion(content, {})


@given(st.sampled_from(["model", "choices", "usage"]), st.none() | st.integers() | st.text() | st.lists(st.integers()))
def test_no_part_surprises(part: str, value: Any) -> None:
    content = json.dumps(_body(**{part: value})).encode()
    if part == "model" and isinstance(value, str):
        assert parse_completion(content, {}).model == value
    else:
        with pytest.raises(ModelUnavailableError):
            parse_completion(content, {})
