"""Checking against schemas from outside."""

import json
import time
from typing import Any

import pytest

from shared.errors import InvalidOutputError
from shared.model.structured import parse_output
from shared.model.validators import validator_for


def object_with(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_patterns_are_searched_for() -> None:
    validator = validator_for({"pattern": "[0-9]{2}"})

    assert [validator.is_valid(value) for value in ("a42b", "a4b", 42)] == [True, False, True]


def test_a_pattern_that_takes_too_long_ends_the_check() -> None:
    schema = object_with(a={"type": "array", "items": {"pattern": "^(a|aa)+$"}})
    answer = json.dumps({"a": ["a" * 200 + "b"] * 1000})
    began = time.monotonic()

    with pytest.raises(InvalidOutputError, match="takes too long") as caught:
        parse_output(answer, schema)

    assert caught.value.output == answer
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_numbers_that_json_does_not_have(number: str) -> None:
    with pytest.raises(InvalidOutputError, match="isn't valid JSON"):
        parse_output(f'{{"a": {number}}}', object_with())


def test_an_answer_is_prepared_before_it_is_checked() -> None:
    schema = object_with(a={"type": "integer"})

    assert parse_output('{"a": "7"}', schema, prepare=lambda value: {"a": int(value["a"])}) == {"a": 7}
