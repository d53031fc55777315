"""Spoiled answers are really spoiled."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from local.model.engines.instant import FixedValues
from local.model.schema_filler import fill
from local.model.spoiling import cut_to_tokens, not_json, violating
from shared.model.tokens import count_tokens
from tests.support.json_schemas import strict_schemas


@given(strict_schemas())
def test_a_violating_answer_is_json_and_breaks_the_schema(schema: dict[str, Any]) -> None:
    value = json.loads(violating(json.dumps(fill(schema, FixedValues())), schema))

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, schema)


def test_a_schema_that_allows_everything_cannot_be_broken() -> None:
    assert violating('{"a": 1}', {}) == '{"a": 1}'


@pytest.mark.parametrize("text", ['{"a": 1}', "[]", "7", '"text"', "plain"])
def test_not_json(text: str) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(not_json(text))


def test_a_cut_text_has_as_many_tokens_as_allowed() -> None:
    text = "one two three four five six"

    assert count_tokens(cut_to_tokens(text, 3, "gpt-4o")) == 3
    assert cut_to_tokens(text, 100, "gpt-4o") == text
