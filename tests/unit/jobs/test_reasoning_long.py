"""Inputs that don't fit one call: read in parts, merged, solved from notes."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.config import Queues
from shared.errors import InvalidMessageError
from shared.jobs.kinds import Draft
from shared.jobs.reasoning import ReasoningJob
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.jobs.reasoning_profile import ReasoningProfile
from shared.jobs.reasoning_work import InputsChangedError
from shared.model.structured import repair_messages
from shared.model.tokens import count_tokens, estimate_request_tokens
from tests.support.step_driver import drive
from tests.support.step_model import REFUSED, StepCall, StepModel

CONTEXT = 4_000
LONG = "\n\n".join(f"Entry {i}: parcel number {i * 7919} came on day {i % 31}." for i in range(2_500))


def job(call_tokens: int = CONTEXT, base_model: str = "gpt-4o", **limits: int) -> ReasoningJob:
    sizes = ReasoningLimits(context_tokens=call_tokens, **limits)
    return ReasoningJob(ReasoningProfile.load(), Queues("in", "run", "out"), "gpt", base_model, sizes)


def body(**fields: Any) -> bytes:
    return json.dumps({"task": "How many came on day 7?", "max_tokens": 200, **fields}).encode()


def reading(call: StepCall) -> dict[str, Any]:
    """Notes the first entry of a part, and quotes it; makes one quote up."""
    found = re.search(r"Entry \d+: parcel number \d+", call.prompt)
    assert found
    quotes = [{"input": "log", "quote": found[0]}, {"input": "log", "quote": "Entry -1"}]
    return {"notes": [f"begins with {found[0]}"], "quotes": quotes}


async def test_ten_contexts_are_read_side_by_side_and_merged() -> None:
    assert count_tokens(LONG) > 10 * CONTEXT
    model = StepModel(
        read=reading,
        solve={
            "reasoning": "r",
            "evidence": [{"input": "log", "quote": "Entry 0: parcel number 0"}, {"input": "log", "quote": "Entry x"}],
            "answer": "81",
            "confidence": 0.8,
        },
    )
    driven = await drive(job(), body(inputs=[{"id": "log", "text": LONG}]), model)
    reads = [name for name in driven.names[0] if name.startswith("read")]

    assert driven.names[0] == [*reads, "plan"]
    assert len(reads) > 10
    assert driven.rounds[0].steps[0].title == f"reading part 1 of {len(reads)}"
    assert all(f"Entry {number}: " in "".join(call.prompt for call in model.of("read")) for number in range(2_500))
    assert driven.outputs["read-0001"]["quotes"] == [{"input": "log", "quote": "Entry 0: parcel number 0"}]
    assert driven.outputs["read-0001"]["dropped"] == 1
    solving = model.of("solve")[0].prompt
    assert "Entry -1" not in solving
    assert solving.count("Notes on") == len([name for name in driven.rounds[-1].steps[0].needs if name != "solve"])
    assert driven.result["evidence"] == [{"input": "log", "quote": "Entry 0: parcel number 0", "start": 0, "end": 24}]
    assert driven.result["dropped_quotes"] == 1
    assert all(call.tokens <= CONTEXT for call in model.calls)
    assert len(driven.result["steps"]) == sum(map(len, driven.names))


async def test_notes_that_do_not_fit_are_merged_in_levels() -> None:
    def noting(call: StepCall) -> dict[str, Any]:
        found = re.findall(r"number \d+ came", call.prompt)[: call.options["max_tokens"] // 20]
        return {"notes": [], "quotes": [{"input": "log", "quote": quote} for quote in found]}

    model = StepModel(read=noting, merge=noting)
    driven = await drive(job(), body(inputs=[{"id": "log", "text": LONG * 5}]), model)
    levels = [names for names in driven.names if names[0].startswith("merge")]

    assert len(levels) > 1
    assert len(levels[0]) > len(levels[1])
    assert all(call.tokens <= CONTEXT for call in model.calls)
    totals = [round_.total for round_ in driven.rounds]
    assert totals == sorted(totals)
    assert [round_.behind for round_ in driven.rounds] == [sum(map(len, driven.names[:i])) for i in range(len(totals))]


async def test_short_and_long_inputs_share_parts() -> None:
    inputs = [{"id": "log", "text": LONG[:30_000]}, *({"id": f"n{i}", "text": f"Note {i}."} for i in range(30))]
    model = StepModel(read={"notes": [], "quotes": []})
    driven = await drive(job(), body(inputs=inputs), model)

    assert all(f"Note {i}." in "".join(call.prompt for call in model.of("read")) for i in range(30))
    assert len(model.of("read")) < 15
    assert "Nothing in it matters" in model.of("solve")[0].prompt
    assert driven.result["answer"] == "yes"


def test_too_many_parts_are_refused() -> None:
    kind = job(parts=5)
    request = kind.decode(body(inputs=[{"text": LONG}]))
    with pytest.raises(InvalidMessageError, match="5 are allowed") as caught:
        kind.estimate(request)
    assert caught.value.field == "inputs"


def test_the_estimate_of_a_long_job_is_that_of_its_parts() -> None:
    kind = job()
    assert CONTEXT * 0.5 < kind.estimate(kind.decode(body(inputs=[{"text": LONG}]))) <= CONTEXT


async def test_settings_that_split_otherwise_end_a_job_that_is_under_way() -> None:
    kept: dict[str, dict[str, Any]] = {}
    await drive(job(), body(inputs=[{"id": "log", "text": LONG}]), StepModel(read=reading), outputs=kept)
    reads = {name: output for name, output in kept.items() if name.startswith("read")}

    with pytest.raises(InputsChangedError):
        await drive(job(5_000), body(inputs=[{"id": "log", "text": LONG}]), StepModel(read=reading), outputs=reads)


def filling(tokens: int) -> list[str]:
    """Notes that take about so many tokens as JSON."""
    return ["word " * 9 for _ in range(max(0, tokens // 13))]


class GreedyModel(StepModel):
    """Uses all the output that it is allowed, and checks that each call fits, and its repair would."""

    def __init__(self, most: int, hidden: int, base_model: str) -> None:
        super().__init__(
            read=self._notes,
            merge=self._notes,
            plan=self._plan,
            solve=self._solution,
            revise=self._solution,
            verify=self._review,
        )
        self._most = most
        self._hidden = hidden
        self._base_model = base_model
        self.largest = 0

    async def chat_completion(self, messages: Any, **options: Any) -> Any:
        completion = await super().chat_completion(messages, **options)
        visible = options["max_tokens"] - self._hidden
        assert count_tokens(completion.text) <= visible, "the test's model keeps to its limit"
        draft = Draft("word " * (visible - 1), "x" * 1000)
        for sent in (messages, repair_messages(messages, draft.output, draft.error)):
            tokens = estimate_request_tokens(sent, options["max_tokens"], self._base_model, options["response_format"])
            self.largest = max(self.largest, tokens)
        return completion

    def _room(self, call: StepCall) -> int:
        return int(call.options["max_tokens"]) - self._hidden

    def _notes(self, call: StepCall) -> dict[str, Any]:
        quotes = [{"input": "a", "quote": "x"}] * (self._room(call) // 30)
        return {"notes": filling(self._room(call) // 2 - 30), "quotes": quotes}

    def _plan(self, call: StepCall) -> dict[str, Any]:
        return {"plan": filling(self._room(call) - 20)}

    def _solution(self, call: StepCall) -> dict[str, Any]:
        return {
            "reasoning": "",
            "evidence": [],
            "answer": "word " * max(1, self._room(call) - 40),
            "confidence": 0.5,
        }

    def _review(self, call: StepCall) -> dict[str, Any]:
        return {**REFUSED, "problems": filling(self._room(call) - 60)}


@settings(max_examples=25)
@given(
    call_tokens=st.integers(5_000, 20_000),
    max_tokens=st.integers(64, 1_000),
    texts=st.lists(st.integers(1, 30_000), min_size=1, max_size=4),
    base_model=st.sampled_from(["gpt-4o", "o3-mini"]),
    effort=st.sampled_from(["low", "high"]),
    task=st.integers(1, 500),
)
async def test_no_call_and_no_repair_is_larger_than_allowed(
    call_tokens: int, max_tokens: int, texts: list[int], base_model: str, effort: str, task: int
) -> None:
    kind = job(call_tokens, base_model)
    inputs = [{"id": "abcd"[i], "text": ("x came late. " * 3_000)[:length]} for i, length in enumerate(texts)]
    given_ = body(task="why " * task, inputs=inputs, max_tokens=max_tokens, effort=effort)
    hidden = min({"low": 2_000, "high": 25_000}[effort], call_tokens // 3) if base_model == "o3-mini" else 0
    model = GreedyModel(max_tokens, hidden, base_model)
    try:
        kind.decode(given_)
    except InvalidMessageError:
        return

    driven = await drive(kind, given_, model)

    assert model.largest <= call_tokens
    assert driven.result["answer"]
