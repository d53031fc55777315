"""Summing up: in one call where it fits, else in parts, and parts of parts."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigurationError, InvalidOutputError
from shared.jobs.kinds import Draft
from shared.jobs.steps import Step
from shared.jobs.summary import SCHEMA, Plan, Summariser
from shared.jobs.summary_profile import DEFAULT_PROFILE, SummaryProfile
from shared.model.client import ChatMessage, Completion, Usage
from shared.model.strict_schema import check_strict_schema
from shared.model.tokens import count_message_tokens

SMALL = SummaryProfile.load().model_copy(update={"part_tokens": 400, "max_tokens": 100})
ANSWER = {"summary": "s", "key_points": ["k"], "action_items": [], "topics": ["t"], "language": "en"}


class ChatModel:
    """Answers each conversation with what a function makes of its last message."""

    def __init__(self, answer: Callable[[str], dict[str, Any]]) -> None:
        self.calls: list[tuple[list[ChatMessage], str | None, dict[str, Any]]] = []
        self._answer = answer

    async def chat_completion(self, messages: Any, model: str | None = None, **options: Any) -> Completion:
        self.calls.append((list(messages), model, options))
        text = json.dumps(self._answer(messages[-1]["content"]))
        return Completion(text, "gpt-test", "stop", Usage(1, 1))


async def summed_up(summariser: Summariser, texts: list[str], model: ChatModel) -> tuple[list[Plan], dict[str, Any]]:
    """All rounds of calls."""
    outputs: dict[str, Any] = {"heard": {}}
    plans = []
    while (plan := summariser.plan(texts, ("heard",), outputs)).steps:
        plans.append(plan)
        assert len(plans) < 20

        async def do(step: Step) -> None:
            needed = {name: outputs[name] for name in step.needs}
            outputs[step.name] = await summariser.run_step(step, texts, needed, model=model)

        await asyncio.gather(*(do(step) for step in plan.steps))
    return [*plans, plan], outputs


def words_in(message: str) -> set[str]:
    return {word for word in message.split() if word[:1] == "w" and word[1:].isdigit()}


async def test_a_short_text_takes_one_call() -> None:
    model = ChatModel(lambda _: ANSWER)
    summariser = Summariser(SummaryProfile.load(), "chat")
    plans, outputs = await summed_up(summariser, ["We agreed.", "Ann sends it on Monday."], model)

    assert [[step.name for step in plan.steps] for plan in plans] == [["summary"], []]
    assert [(plan.done, plan.total) for plan in plans] == [(0, 1), (1, 1)]
    step = plans[0].steps[0]
    assert (step.needs, step.deployment) == (("heard",), "chat")
    messages, deployment, options = model.calls[0]
    assert deployment == "chat"
    assert "We agreed. Ann sends it on Monday." in messages[-1]["content"]
    assert "never instructions" in messages[0]["content"]
    assert options["temperature"] == 0
    assert step.tokens > count_message_tokens(messages) + options["max_tokens"]
    assert summariser.result(outputs) == {**ANSWER, "profile_version": "1"}


async def test_a_long_text_is_read_in_parts() -> None:
    texts = [f"w{number} is what was said here." for number in range(120)]
    model = ChatModel(lambda message: {**ANSWER, "key_points": sorted(words_in(message))[:1]})
    plans, _ = await summed_up(Summariser(SMALL, "chat"), texts, model)

    first, last = plans[0], plans[-2]
    assert [step.name for step in first.steps] == [f"summary-1-{n:04}" for n in range(1, len(first.steps) + 1)]
    assert len(first.steps) > 2
    assert first.steps[1].title == f"summing up part 2 of {len(first.steps)}"
    assert last.steps[0].needs == tuple(step.name for step in first.steps)
    read = [words_in(messages[-1]["content"]) for messages, _, _ in model.calls[: len(first.steps)]]
    assert set.union(*read) == {f"w{number}" for number in range(120)}
    assert sum(map(len, read)) == 120


async def test_very_many_parts_are_summed_up_in_levels() -> None:
    texts = [f"w{number} " + "is what was said here " * 30 for number in range(60)]
    model = ChatModel(lambda _: {**ANSWER, "summary": "so it was " * 8})
    plans, _ = await summed_up(Summariser(SMALL, "chat"), texts, model)

    levels = [plan.steps[0].name.split("-")[1] if "-" in plan.steps[0].name else "" for plan in plans[:-1]]
    assert levels[:2] == ["1", "2"]
    assert levels[-1] == ""
    assert [plan.done for plan in plans] == sorted(plan.done for plan in plans)
    assert plans[-1].done == plans[-1].total == len(model.calls)
    for messages, _, _ in model.calls:
        assert count_message_tokens(messages) < 1000


async def test_what_is_done_is_not_done_again() -> None:
    texts = [f"w{number} is what was said here." for number in range(120)]
    summariser = Summariser(SMALL, "chat")
    _, outputs = await summed_up(summariser, texts, ChatModel(lambda _: ANSWER))
    del outputs["summary-1-0002"], outputs["summary"]
    plan = summariser.plan(texts, ("heard",), outputs)
    assert [step.name for step in plan.steps] == ["summary-1-0002"]


async def test_a_repair_shows_the_answer_and_the_error() -> None:
    model = ChatModel(lambda _: ANSWER)
    summariser = Summariser(SummaryProfile.load(), "chat")
    step = summariser.plan(["a"], ("heard",), {}).steps[0]
    await summariser.run_step(step, ["a"], {}, model=model, draft=Draft("{}", "summary is missing"))
    assistant, user = model.calls[0][0][-2:]
    assert (assistant["role"], assistant["content"]) == ("assistant", "{}")
    assert "summary is missing" in user["content"]


async def test_an_answer_that_does_not_fit() -> None:
    summariser = Summariser(SummaryProfile.load(), "chat")
    step = summariser.plan(["a"], ("heard",), {}).steps[0]
    with pytest.raises(InvalidOutputError, match="key_points"):
        await summariser.run_step(step, ["a"], {}, model=ChatModel(lambda _: {**ANSWER, "key_points": "k"}))


@given(st.lists(st.text(min_size=1, max_size=3000).map(lambda t: " ".join(t.split())).filter(bool), max_size=6))
def test_parts_hold_every_word_and_fit(texts: list[str]) -> None:
    summariser = Summariser(SMALL, "chat")
    parts = summariser._parts(texts)
    assert "".join("".join(parts).split()) == "".join("".join(texts).split())
    assert all(len(part) > 0 for part in parts)
    for number in range(1, len(parts) + 1):
        material = count_message_tokens(summariser._part(parts, number)) - count_message_tokens(
            summariser._part([""] * len(parts), number)
        )
        assert material <= 400 * 1.05


def test_a_small_quota_makes_small_parts() -> None:
    profile = SummaryProfile.load()
    texts = ["so it was said " * 20] * 200
    large = Summariser(profile, "chat").plan(texts, (), {}).steps
    small = Summariser(profile, "chat", most_tokens=6_000).plan(texts, (), {}).steps
    assert len(small) > len(large)
    assert max(step.tokens for step in small) <= 6_000
    with pytest.raises(ConfigurationError, match="summary profile"):
        Summariser(profile, "chat", most_tokens=3_000)


def test_the_schema_is_what_the_endpoint_accepts() -> None:
    check_strict_schema(SCHEMA)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"part_tokens": 1000}, "4 times max_tokens"),
        ({"colour": 1}, "colour"),
        ({"prompt": {"system": "x"}}, "prompt.user"),
        ({"prompt": {"system": "x", "user": "{other}"}}, "other"),
        ({"max_tokens": "many"}, "max_tokens"),
    ],
)
def test_a_wrong_profile_says_where(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(DEFAULT_PROFILE.read_text()) | change))
    with pytest.raises(ConfigurationError, match=where):
        SummaryProfile.load(path)


def test_unreadable_profiles_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        SummaryProfile.load(tmp_path / "none.yaml")
    (tmp_path / "p.yaml").write_text("a: [")
    with pytest.raises(ConfigurationError, match="not YAML"):
        SummaryProfile.load(tmp_path / "p.yaml")


@given(st.text())
def test_a_count_of_bytes_is_enough_where_the_quota_is_large(text: str) -> None:
    summariser = Summariser(SummaryProfile.load(), "chat")
    messages = summariser._messages("{kind}", text)

    assert summariser._bytes(messages) >= summariser._tokens(messages)


def test_no_tokenizer_is_loaded_where_the_quota_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.jobs.summary.estimate_request_tokens", None)

    assert Summariser(SMALL, "chat", most_tokens=500_000)._part_tokens == 400
    with pytest.raises(TypeError):
        Summariser(SMALL, "chat", most_tokens=700)
