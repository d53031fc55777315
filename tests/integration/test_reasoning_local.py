"""Reasoning jobs over HTTP, against the local model server."""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.config import Queues
from shared.errors import InvalidOutputError
from shared.jobs.reasoning import ReasoningJob
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.jobs.reasoning_profile import ReasoningProfile
from shared.model.azure_openai import AzureOpenAIService
from shared.model.tokens import count_tokens
from tests.support.model import ModelServer, model_server
from tests.support.step_driver import Driven, drive

SAMPLES = Path(__file__).parents[2] / "cli" / "samples" / "reasoning.jsonl"
REVIEWS, CONTRACT = (json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines())


@pytest.fixture(scope="module")
def running_server() -> Iterator[ModelServer]:
    with model_server("--no-limits", "--deployments", "chat:gpt-4o-mini", "thinker:o3-mini") as server:
        yield server


@pytest.fixture
def server(running_server: ModelServer) -> ModelServer:
    running_server.reset()
    running_server.limit(enforced=False)
    return running_server


@pytest.fixture
async def model(server: ModelServer) -> AsyncIterator[AzureOpenAIService]:
    known = {"chat": "gpt-4o-mini", "thinker": "o3-mini"}
    async with AzureOpenAIService("chat", endpoint=server.url, api_key="any", base_models=known) as service:
        yield service


async def run(model: Any, body: dict[str, Any], base_model: str = "gpt-4o-mini", **limits: int) -> Driven:
    kind = ReasoningJob(
        ReasoningProfile.load(), Queues("in", "run", "out"), "chat", base_model, ReasoningLimits(**limits)
    )
    return await drive(kind, json.dumps(body).encode(), model)


def plant(answer: Any, step: str) -> dict[str, Any]:
    """The fault that makes this the answer to the next call of a step."""
    solution = {"reasoning": "Just so.", "evidence": [], "answer": answer, "confidence": 0.9}
    return {"kind": "answer", "text": json.dumps(solution), "match": {"contains": f'"reasoning_{step}"'}}


async def test_the_samples_are_solved(model: AzureOpenAIService) -> None:
    late = await run(model, REVIEWS)
    notice = await run(model, CONTRACT)

    jsonschema.validate(late.result["answer"], REVIEWS["response_schema"])
    assert [one["review"] for one in late.result["answer"]["late"]] == ["r1", "r3"]
    assert {quote["input"] for quote in late.result["evidence"]} == {"r1", "r3"}
    texts = {one["id"]: one["text"] for one in REVIEWS["inputs"] + CONTRACT["inputs"]}
    for quote in late.result["evidence"] + notice.result["evidence"]:
        assert texts[quote["input"]][quote["start"] : quote["end"]] == quote["quote"]
    assert "three months' notice" in notice.result["answer"]
    assert notice.names[1] == ["solve-1", "solve-2", "solve-3"]
    for driven in (late, notice):
        assert driven.result["verification"] == "accepted"
        assert 0.5 < driven.result["confidence"] <= 1
        assert all("not a language model" in step["model"] for step in driven.result["steps"])


async def test_a_planted_wrong_answer_triggers_exactly_one_revision(
    model: AzureOpenAIService, server: ModelServer
) -> None:
    server.inject(plant({"late": [{"review": "r2", "request": "A golden bicycle with purple wheels."}]}, "solve"))
    driven = await run(model, REVIEWS)

    assert driven.names == [["plan"], ["solve"], ["verify"], ["revise"], ["verify-2"]]
    assert "golden bicycle" in driven.outputs["verify"]["problems"][0]
    assert [one["review"] for one in driven.result["answer"]["late"]] == ["r1", "r3"]
    assert driven.result["verification"] == "accepted_after_revision"
    assert server.stats()["calls"] == 5


async def test_a_wrong_revision_is_not_revised_again(model: AzureOpenAIService, server: ModelServer) -> None:
    wrong = {"late": [{"review": "r2", "request": "A golden bicycle with purple wheels."}]}
    server.inject(plant(wrong, "solve"), plant(wrong, "revise"))
    driven = await run(model, REVIEWS)

    assert [name for names in driven.names for name in names].count("revise") == 1
    assert driven.result["answer"] == wrong
    assert driven.result["verification"] == "refused"
    assert driven.result["confidence"] < 0.4


async def test_long_inputs_are_read_side_by_side(model: AzureOpenAIService, server: ModelServer) -> None:
    context = 8_000
    entries = [f"Entry {i}: the lamp in corridor {i} was cleaned and works." for i in range(5_000)]
    entries[2_345] = "Entry 2345: a parrot moved into the lift, and it sings opera at night."
    log = "\n".join(entries)
    assert count_tokens(log) > 10 * context
    driven = await run(
        model,
        {"task": "Where does the parrot live?", "inputs": [{"id": "log", "text": log}], "max_tokens": 400},
        context_tokens=context,
    )
    reads = [name for name in driven.names[0] if name.startswith("read")]

    assert len(reads) > 10
    assert server.stats()["most_in_flight"] > 5
    assert "a parrot moved into the lift" in driven.result["answer"]
    assert entries[2_345] in [quote["quote"] for quote in driven.result["evidence"]]
    assert max(step.tokens for round_ in driven.rounds for step in round_.steps) <= context


async def test_reasoning_models_are_called_as_they_want(model: AzureOpenAIService) -> None:
    class Thinker:
        async def chat_completion(self, *args: Any, **kwargs: Any) -> Any:
            return await model.chat_completion(*args, **kwargs, model="thinker")

    driven = await run(Thinker(), {**CONTRACT, "effort": "high"}, "o3-mini")

    assert driven.result["verification"] == "accepted"


@pytest.mark.parametrize("fault", ["invalid_content", "schema_violation", "truncate"])
async def test_a_broken_answer_is_repaired_once(model: AzureOpenAIService, server: ModelServer, fault: str) -> None:
    server.inject({"kind": fault, "match": {"contains": '"reasoning_solve"'}})
    driven = await run(model, REVIEWS)
    assert driven.calls == {"plan": 1, "solve": 2, "verify": 1}

    server.inject({"kind": fault, "count": 2, "match": {"contains": '"reasoning_solve"'}})
    with pytest.raises(InvalidOutputError, match="The answer"):
        await run(model, REVIEWS)


@pytest.mark.accept
@pytest.mark.timeout(1800)
async def test_jobs_through_a_gguf_file_keep_to_their_schemas(
    record_property: Callable[[str, object], None],
) -> None:
    gguf = os.environ.get("SLUICE_TEST_GGUF", "")
    assert gguf, "make accept sets SLUICE_TEST_GGUF"
    mood = {
        "type": "object",
        "properties": {"mood": {"enum": ["good", "bad"]}, "stars": {"enum": [1, 2, 3, 4, 5]}},
        "required": ["mood", "stars"],
    }
    tasks: list[dict[str, Any]] = [
        {**REVIEWS, "max_tokens": 600},
        {**CONTRACT, "samples": 1, "max_tokens": 400},
        {"task": "Is this good or bad?", "inputs": [{"text": "I love this kettle."}], "response_schema": mood},
        {
            "task": "Name three colours.",
            "response_schema": {"type": "array", "items": {"type": "string"}},
        },
        {"task": "How long is a metre in centimetres?", "response_schema": {"type": "integer"}, "effort": "low"},
    ]
    with model_server("--no-limits", env={"SLUICE_MODEL_GGUF": gguf}) as served:
        async with AzureOpenAIService("chat", endpoint=served.url, api_key="any", timeout_s=600) as service:
            results = [(await run(service, {"max_tokens": 400, **task})).result for task in tasks]
    for task, result in zip(tasks, results, strict=True):
        jsonschema.validate(result["answer"], task.get("response_schema", {"type": "string"}))
        assert result["steps"][-1]["model"] == Path(gguf).name
    reviews = [result["verification"] for result in results]
    record_property("figures", f"{Path(gguf).name}: {len(results)} of {len(tasks)} reasoning jobs valid; {reviews}")
