"""What the demonstration engine makes of tasks."""

import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.model.demo.judging import unsupported
from local.model.demo.material import Material, Source
from local.model.demo.passages import Passages
from local.model.demo.reading import Tools
from local.model.demo.task_values import TaskValues
from local.model.schema_filler import fill
from shared.model.prompts import fence
from tests.support.json_schemas import loose_schemas, strict_schemas

TEXTS = {
    "d1": "The museum opens at ten. Children under six pay nothing. The caf\u00e9 is closed on Mondays.",
    "d2": "Our library lends books for four weeks. Who returns a book late pays twenty cents a day.",
    "d3": "The swimming pool is heated to 28 degrees. Bring your own towels.",
}
QUESTION = "What does it cost to return books late?"
QUOTES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"input": {"enum": list(TEXTS)}, "quote": {"type": "string"}},
        "required": ["input", "quote"],
    },
}
VERDICT = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["correct", "wrong"]},
        "problems": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["verdict", "problems"],
}


def conversation(question: str = QUESTION, answer: str | None = None, label: str = "Input") -> list[dict[str, str]]:
    parts = [f"Task:\n{question}", "The inputs:", *(f"{label} {name}:\n{fence(text)}" for name, text in TEXTS.items())]
    parts += [f"The answer to check:\n{fence(answer)}"] if answer is not None else []
    return [{"role": "system", "content": "You help."}, {"role": "user", "content": "\n\n".join(parts)}]


def material(messages: list[dict[str, str]]) -> Material:
    found = Material.of(messages)
    assert found is not None
    return found


def filled(schema: dict[str, Any], messages: list[dict[str, str]], tools: Tools) -> Any:
    value = fill(schema, TaskValues(material(messages), "", tools))
    jsonschema.validate(value, schema)
    return value


def test_a_task_is_taken_apart() -> None:
    assert material(conversation(answer="42")) == Material(
        QUESTION, [Source(name, text) for name, text in TEXTS.items()], "42"
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "Hello",
        "The feedback:\n<<<DATA\nTask: none\nDATA>>>",
        "Details (JSON): {}\n\nThe feedback:\n<<<DATA\nlate\nDATA>>>",
    ],
)
def test_what_is_no_task(prompt: str) -> None:
    assert Material.of([{"role": "user", "content": prompt}]) is None


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(["Task:\n", "<<<DATA\n", "\nDATA>>>", "a:\n", "x"])).map("".join)
)
def test_any_prompt_is_read(prompt: str) -> None:
    found = Material.of([{"role": "user", "content": prompt}])
    assert found is None or all(source.text in prompt for source in found.sources)


def test_reading_takes_no_time() -> None:
    began = time.process_time()
    Material.of([{"role": "user", "content": "Task:\n" + "x " * 500_000 + "\n<<<DATA\n" * 3}])
    assert time.process_time() - began < 2.0


def test_quotes_are_literal_and_of_the_right_source(tools: Tools) -> None:
    quotes = filled(QUOTES, conversation(), tools)

    assert quotes[0] == {"input": "d2", "quote": "Who returns a book late pays twenty cents a day."}
    assert all(quote["quote"] in TEXTS[quote["input"]] for quote in quotes)


def test_a_free_answer_is_copied(tools: Tools) -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    assert "twenty cents" in filled(schema, conversation(), tools)["answer"]


def test_arrays_have_one_element_a_source_that_is_about_the_task(tools: Tools) -> None:
    item = {
        "type": "object",
        "properties": {
            "document": {"type": "string"},
            "price": {"type": "string", "description": "what has to be paid"},
        },
    }
    schema = {"type": "object", "properties": {"places": {"type": "array", "items": item}}}
    places = filled(schema, conversation("Where does one have to pay, and how much?"), tools)["places"]

    assert [place["document"] for place in places] == ["d1", "d2"]
    assert "twenty cents" in places[1]["price"]


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ({"answer": "Twenty cents a day.", "evidence": [{"input": "d2", "quote": "pays twenty cents a day"}]}, []),
        ("Who returns a book late pays twenty cents a day.", []),
        ({"document": "d2", "count": 3, "late": True, "why": "because"}, []),
        ({"answer": "A golden bicycle with purple wheels."}, ["A golden bicycle with purple wheels."]),
        ({"quote": "pays forty cents a day"}, ["pays forty cents a day"]),
    ],
)
def test_answers_are_judged_by_looking_them_up(answer: Any, wrong: list[str], tools: Tools) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    sources = [Source(name, one) for name, one in TEXTS.items()]
    assert unsupported(text, sources) == wrong
    assert unsupported(text, []) == []

    verdict = filled(VERDICT, conversation(answer=text), tools)
    assert verdict["verdict"] == ("wrong" if wrong else "correct")
    assert verdict["problems"] == [f"The sources don't say: {one}" for one in wrong]


def test_long_sources_are_sampled(tools: Tools) -> None:
    rest = [Source(f"s{i}", f"Sentence number {i} speaks of nothing at all. " * 50) for i in range(30)]
    needle = Source("needle", "A parrot that sings opera costs nine hundred euros.")
    began = time.process_time()
    passages = Passages([*rest, needle], "What does the parrot cost?", tools)

    assert passages.related[0].source is needle
    assert time.process_time() - began < 5


@settings(max_examples=20, deadline=None)
@given(schema=strict_schemas(max_leaves=5) | loose_schemas(max_leaves=5))
def test_every_schema_is_filled(schema: dict[str, Any], tools: Tools) -> None:
    filled(schema, conversation(), tools)
    filled(schema, conversation(answer="A golden bicycle."), tools)


def test_nothing_to_read(tools: Tools) -> None:
    messages = [{"role": "user", "content": "Task:\nWhat is the capital of France?"}]
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "plan": {"type": "array", "items": {"type": "string"}}},
    }
    assert filled(schema, messages, tools)["plan"]
