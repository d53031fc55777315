"""What the demonstration engine writes into properties."""

import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.model.demo.choices import explanations_in
from local.model.demo.reading import TOKEN_BUDGET, Reading, Tools
from local.model.demo.rules import DemoValues
from local.model.schema_filler import fill
from tests.support.json_schemas import loose_schemas, strict_schemas

COMPLAINT = (
    "I ordered the red kettle on 2024-03-05 and it came two weeks late. The courier left the parcel in the rain. "
    "I paid 39 euros for it. Please write to anna@example.com. Would I recommend this shop? Never, it was awful."
)
CATEGORIES = """\
- delivery: shipping, lateness, damage in transit, packaging
- billing: charges, refunds, invoices, payment problems
- usability: ease of use, setup, instructions, apps and websites
- feature_request: wishes for something new or missing
"""


def value_of(name: str, schema: dict[str, Any], text: str, tools: Tools, instructions: str = "") -> Any:
    whole = {"type": "object", "properties": {name: schema}, "required": [name]}
    filled = fill(whole, DemoValues(Reading(text, tools), instructions))
    jsonschema.validate(filled, whole)
    return filled[name]


@pytest.mark.parametrize(
    ("name", "schema", "text", "value"),
    [
        ("language", {"type": "string"}, "Das Paket ist seit einer Woche überfällig.", "de"),
        ("language", {"enum": ["en", "fr"]}, "Le colis est arrivé en retard.", "fr"),
        ("language", {"type": "string", "description": "English name of the language"}, "Es muy bueno.", "Spanish"),
        ("order_date", {"type": "string"}, COMPLAINT, "2024-03-05"),
        ("email", {"type": "string"}, COMPLAINT, "anna@example.com"),
        ("price", {"type": "number", "minimum": 10, "maximum": 100}, COMPLAINT, 39),
        ("price", {"type": "integer", "minimum": 3000}, COMPLAINT, 3000),
        ("would_recommend", {"type": "boolean"}, COMPLAINT, False),
        ("label", {"enum": ["NEGATIVE", "POSITIVE"]}, COMPLAINT, "NEGATIVE"),
        ("urgency", {"enum": ["low", "medium", "high"]}, "Everything is wonderful, thank you!", "low"),
        ("urgency", {"enum": ["low", "medium", "high"]}, "This is dangerous junk, I hate it!", "high"),
        (
            "evidence",
            {"type": "string", "description": "what the courier did with the parcel"},
            COMPLAINT,
            "The courier left the parcel in the rain.",
        ),
        ("tags", {"type": "array", "items": {"type": "string"}, "maxItems": 1}, "Battery! The battery.", ["battery"]),
        ("summary", {"type": "string"}, "", ""),
    ],
)
def test_value(name: str, schema: dict[str, Any], text: str, value: Any, tools: Tools) -> None:
    assert value_of(name, schema, text, tools) == value


@pytest.mark.parametrize(
    ("schema", "low", "high"),
    [
        ({"type": "number"}, -1.0, -0.3),
        ({"type": "number", "minimum": 0, "maximum": 10}, 0, 3.5),
        ({"type": "number", "description": "from 0 (very bad) to 100 (very good)"}, 0, 35),
        ({"type": "integer", "description": "1..5"}, 1, 2),
    ],
)
def test_scores_follow_the_range_of_the_schema_or_its_description(
    schema: dict[str, Any], low: float, high: float, tools: Tools
) -> None:
    assert low <= value_of("score", schema, "It broke after a day and nobody helped me.", tools) <= high


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("My parcel is a week late and the tracking page has not moved.", "delivery"),
        ("Mir wurde der Betrag doppelt abgebucht.", "billing"),
        ("Je n'arrive pas à trouver le bouton, l'application est incompréhensible.", "usability"),
        ("Vorrei poter condividere il calendario con la mia famiglia.", "feature_request"),
        ("El paquete llegó abierto y mojado.", "delivery"),
        ("二重に請求されました。返金してください。", "billing"),
    ],
)
@pytest.mark.parametrize("told_in_schema", [True, False])
def test_enum_values_are_chosen_by_their_explanations(
    text: str, category: str, told_in_schema: bool, tools: Tools
) -> None:
    names = ["delivery", "billing", "usability", "feature_request"]
    schema = {"type": "string", "enum": names, "description": CATEGORIES if told_in_schema else "the topic"}

    assert value_of("category", schema, text, tools, "" if told_in_schema else CATEGORIES) == category


def test_arrays_of_enum_values_hold_a_few_different_ones(tools: Tools) -> None:
    schema = {"type": "array", "items": {"type": "string", "enum": ["delivery", "billing", "usability"]}}

    chosen = value_of("topics", schema, COMPLAINT, tools, CATEGORIES)

    assert chosen[0] == "delivery"
    assert len(chosen) == len(set(chosen)) <= 3


def test_arrays_of_objects_are_about_different_sentences(tools: Tools) -> None:
    item = {"type": "object", "properties": {"text": {"type": "string"}, "score": {"type": "number"}}}

    steps = value_of("findings", {"type": "array", "items": item}, COMPLAINT, tools)

    assert len({step["text"] for step in steps}) == len(steps) == 3
    assert all(step["text"] in COMPLAINT for step in steps)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Wonderful, I love it!", "Thank the customer and ask for a public review."),
        (
            "Das Paket kam zwei Wochen zu spät.",
            "Sich für die Lieferung entschuldigen und sie mit dem Zusteller klären.",
        ),
        ("The parcel came late.", "Apologise for the delivery and check it with the carrier."),
        ("It would be great if the calendar could be shared.", "Pass the wish on to product planning"),
    ],
)
def test_suggested_actions_speak_the_language_of_the_text(text: str, action: str, tools: Tools) -> None:
    assert value_of("suggested_action", {"type": "string"}, text, tools).startswith(action)


def test_summaries_are_sentences_of_the_text(tools: Tools) -> None:
    assert value_of("summary", {"type": "string"}, COMPLAINT, tools) in COMPLAINT
    assert len(value_of("summary", {"type": "string"}, "word " * 300, tools)) <= 200


def test_long_texts_are_sampled(tools: Tools) -> None:
    text = " ".join(f"Sentence number {n} says that the kettle is red." for n in range(500))

    vectors = Reading(text, tools).vectors

    assert 3 <= len(vectors) <= TOKEN_BUDGET / 5


def test_explanations_are_found_in_lists_and_in_sentences() -> None:
    text = "- a: first one\n* `b` : second\nhow soon. c: third, really; d: fourth\nnota: no"

    assert explanations_in(text, ["a", "b", "c", "d", "e"]) == {
        "a": "first one",
        "b": "second",
        "c": "third, really",
        "d": "fourth",
    }


@pytest.mark.parametrize(
    "text", [" " * 200_000, "a" * 200_000, "a-" * 100_000, "1" * 200_000, '."' * 100_000, "\n!" * 50_000]
)
def test_hostile_texts_take_no_time(text: str, tools: Tools) -> None:
    names = ["email", "url", "date", "order_id", "summary", "language"]
    properties: dict[str, Any] = {name: {"type": "string"} for name in names}
    properties |= {"price": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}}
    started = time.monotonic()

    fill({"type": "object", "properties": properties}, DemoValues(Reading(text, tools), CATEGORIES))

    # Expressions that backtrack over all of it would take minutes.
    assert time.monotonic() - started < 10


@settings(max_examples=40)
@given(schema=strict_schemas() | loose_schemas(), text=st.text(max_size=60) | st.just(COMPLAINT))
def test_any_schema_is_filled_so_that_it_fits(schema: dict[str, Any], text: str, tools: Tools) -> None:
    value = fill(schema, DemoValues(Reading(text, tools), CATEGORIES))

    jsonschema.validate(value, schema)
    json.dumps(value)
