"""Which reasoning jobs are accepted."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidMessageError
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.jobs.reasoning_request import ReasoningRequest
from tests.unit.model.test_caller_schema import KEYWORDS, VALUES

LIMITS = ReasoningLimits(input_chars=100, inputs=3, task_chars=50, samples=5)
TEXT = {"text": "a"}


def decode(body: Any) -> ReasoningRequest:
    return ReasoningRequest.decode(json.dumps(body).encode(), LIMITS)


def test_a_full_request() -> None:
    request = decode(
        {
            "reasoning_id": "r-1",
            "task": "Which?",
            "inputs": [{"id": "a", "text": "one"}, {"blob": "reasoning-in/two.txt"}, {"blob_url": "https://x/y/z"}],
            "instructions": "Be brief.",
            "response_schema": {"type": "string"},
            "effort": "high",
            "max_tokens": 500,
            "samples": 3,
            "metadata": {"order": 7},
        }
    )

    assert [one.id for one in request.inputs] == ["a", "2", "3"]
    assert [one.reference for one in request.inputs] == [None, "reasoning-in/two.txt", "https://x/y/z"]


def test_a_task_alone_is_enough() -> None:
    request = decode({"task": "What is 6 x 7?"})

    assert (request.inputs, request.effort, request.samples, request.max_tokens) == ((), "medium", 1, None)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "task", "missing"),
        ({"task": " "}, "task", "is empty"),
        ({"task": "x" * 51}, "task", "50 are allowed"),
        ({"task": "x", "instructions": "x" * 51}, "instructions", "50 are allowed"),
        ({"task": "x", "instructions": ""}, "instructions", "is empty"),
        ({"task": "x", "colour": 1}, "colour", "metadata"),
        ({"task": "x", "effort": "huge"}, "effort", "'low', 'medium' or 'high'"),
        ({"task": "x", "samples": 0}, "samples", "greater than or equal to 1"),
        ({"task": "x", "samples": 6}, "samples", "5 are allowed"),
        ({"task": "x", "max_tokens": 5}, "max_tokens", "greater than or equal to 64"),
        ({"task": "x", "response_schema": []}, "response_schema", "should be an object"),
        ({"task": "x", "response_schema": {"type": 1}}, "response_schema.type", "not a JSON schema"),
        ({"task": "x", "inputs": [TEXT] * 4}, "inputs", "3 are allowed"),
        ({"task": "x", "inputs": [{"text": "x" * 60}] * 2}, "inputs", "120 characters"),
        ({"task": "x", "inputs": [{"text": " "}]}, "inputs.0.text", "is empty"),
        ({"task": "x", "inputs": [{}]}, "inputs.0", "exactly one of"),
        ({"task": "x", "inputs": [{"text": "a", "blob": "b/c"}]}, "inputs.0", "exactly one of"),
        ({"task": "x", "inputs": [{"id": "a b", "text": "a"}]}, "inputs.0.id", "pattern"),
        ({"task": "x", "inputs": [{"id": "a", **TEXT}, {"id": "a", **TEXT}]}, "inputs.1.id", "another input"),
        ({"task": "x", "inputs": [{"id": "2", **TEXT}, TEXT]}, "inputs.1.id", "another input"),
    ],
)
def test_refused(body: Any, field: str, words: str) -> None:
    with pytest.raises(InvalidMessageError, match=words) as caught:
        decode(body)
    assert caught.value.field == field


@settings(max_examples=200)
@given(VALUES | st.dictionaries(KEYWORDS, VALUES))
def test_any_schema_is_accepted_or_refused_quickly(schema: Any) -> None:
    began = time.process_time()
    body = json.dumps({"task": "x", "response_schema": schema}).encode()
    assert isinstance(outcome(body), ReasoningRequest | InvalidMessageError)
    assert time.process_time() - began < 2.0


@given(st.binary(max_size=100) | VALUES.map(lambda value: json.dumps({"task": "x", "inputs": value}).encode()))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    assert isinstance(outcome(body), ReasoningRequest | InvalidMessageError)


def test_deeply_nested_bodies_are_refused() -> None:
    deep = b'{"task": "x", "response_schema": ' + b'{"not": ' * 5000 + b"{}" + b"}" * 5001
    assert isinstance(outcome(deep), InvalidMessageError)


def outcome(body: bytes) -> ReasoningRequest | InvalidMessageError:
    """What decoding makes of it; any other exception is a bug."""
    try:
        return ReasoningRequest.decode(body, LIMITS)
    except InvalidMessageError as error:
        return error
