"""Reading answers that must fit a schema."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigurationError, InvalidOutputError
from shared.model.client import ChatMessage
from shared.model.structured import estimate_repair_tokens, parse_output, repair_messages, response_format_for
from shared.model.tokens import estimate_request_tokens

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": {"enum": ["good", "bad"]},
        "score": {"type": "number", "minimum": -1, "maximum": 1},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}},
        "more": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "required": ["label", "score"],
    "additionalProperties": False,
}
SECRET = "the customer's words"


def test_a_fitting_answer() -> None:
    assert parse_output(' {"label": "good", "score": 0.5}\n', SCHEMA) == {"label": "good", "score": 0.5}


def _rejection(text: str, finish_reason: str = "stop", schema: dict[str, Any] = SCHEMA) -> InvalidOutputError:
    with pytest.raises(InvalidOutputError) as caught:
        parse_output(text, schema, finish_reason)
    assert caught.value.output == text
    return caught.value


@pytest.mark.parametrize(
    ("answer", "path", "expected"),
    [
        ({"label": SECRET, "score": 0}, "$.label", 'it must be one of ["good", "bad"]'),
        ({"label": "good", "score": SECRET}, "$.score", 'its type must be "number"'),
        ({"label": "good", "score": 7}, "$.score", "it doesn't fulfil 'maximum': 1"),
        ({"label": "good"}, "$", 'it must have ["label", "score"]'),
        ({"label": "good", "score": 0, SECRET: 1}, "$", "it has properties that the schema doesn't name"),
        ({"label": "good", "score": 0, "tags": ["a", SECRET]}, "$.tags[1]", "it doesn't fulfil 'maxLength': 5"),
        ({"label": "good", "score": 0, "more": {SECRET: "x"}}, "$.more.*", 'its type must be "integer"'),
        ([SECRET], "$", 'its type must be "object"'),
    ],
)
def test_violations_name_the_path_and_never_quote_the_answer(answer: object, path: str, expected: str) -> None:
    error = _rejection(json.dumps(answer))
    assert error.field == path
    assert str(error) == f"The answer is wrong at {path}: {expected}."
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        '{"label": "good", "score": 0} and more',
        '```json\n{"label": "good", "score": 0}\n```',
        '{"label": "good", "score": NaN}',
        '{"label": "good", "score": 0, "tags": ["\\ud800"]}',
        '{"label": "good", "score": ' + "1" * 5000 + "}",
        "[" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
    ],
)
def test_not_json(text: str) -> None:
    assert str(_rejection(text)).startswith("The answer isn't valid JSON")


def test_position_of_a_syntax_error() -> None:
    assert "(line 2, column 1)" in str(_rejection('{"label":\n}'))


def test_a_cut_answer_is_told_apart() -> None:
    assert "cut off at max_tokens" in str(_rejection('{"label": "go', "length"))


def test_the_root_must_be_an_object_whatever_the_schema_says() -> None:
    assert "must be an object" in str(_rejection("[]", schema={}))


def test_long_demands_are_shortened() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [f"value {n}" for n in range(500)]}}}
    assert len(str(_rejection('{"a": 1}', schema=schema))) < 300


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, r"The output schema is wrong at \$\.type"),
        ({"$ref": "https://example.com/schema.json"}, "refers to 'https://example.com/schema.json', which isn't in it"),
        ({"$ref": "#/$defs/none"}, "refers to '/\\$defs/none', which isn't in it"),
    ],
)
def test_a_faulty_schema_is_our_fault(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_output("{}", schema)


def test_references_within_the_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}
    assert parse_output('{"a": 1}', schema) == {"a": 1}
    assert _rejection('{"a": "x"}', schema=schema).field == "$.a"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: (
        st.lists(children) | st.dictionaries(st.text() | st.sampled_from(list(SCHEMA["properties"])), children)
    ),
    max_leaves=10,
)


@given(JSON.map(json.dumps) | st.text())
def test_any_answer_is_accepted_or_rejected(text: str) -> None:
    try:
        value = parse_output(text, SCHEMA)
    except InvalidOutputError as error:
        assert error.output == text  # noqa: PT017 - either outcome is right
    else:
        assert value["label"] in ("good", "bad")
        assert set(value) <= set(SCHEMA["properties"])


def test_response_format() -> None:
    strict = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert response_format_for("label", strict) == {
        "type": "json_schema",
        "json_schema": {"name": "label", "strict": True, "schema": strict},
    }
    with pytest.raises(ConfigurationError):
        response_format_for("label", SCHEMA)


def test_repair_shows_the_answer_and_what_is_wrong() -> None:
    messages: list[ChatMessage] = [{"role": "user", "content": "judge"}]
    repair = repair_messages(messages, "bad output", "The answer isn't valid JSON.")
    assert repair[:2] == [*messages, {"role": "assistant", "content": "bad output"}]
    assert repair[2]["role"] == "user"
    assert repair[2]["content"].startswith("The answer isn't valid JSON. Answer again")
    assert len(messages) == 1


def test_what_a_repair_costs_more() -> None:
    messages: list[ChatMessage] = [{"role": "user", "content": "Which label?"}]
    repair = repair_messages(messages, '{"label": 7}', "It is no label.")
    more = estimate_request_tokens(repair, 50) - estimate_request_tokens(messages, 50)

    assert more <= estimate_repair_tokens('{"label": 7}', "It is no label.") <= more + 3
