"""What reasoning jobs are said to need, and what they then do."""

from typing import Any

import pytest

from shared.jobs.call_needs import NeedsRange
from shared.jobs.steps import Step
from tests.support.step_driver import Driven, drive
from tests.support.step_model import REFUSED, StepModel
from tests.unit.jobs.test_reasoning import INPUTS, body, job

LONG = [{"id": "long", "text": "The lamp came late, and nobody answered my letters about it. " * 4_000}]


def steps(driven: Driven) -> list[Step]:
    return [step for round_ in driven.rounds for step in round_.steps]


def said(request: bytes, **limits: Any) -> NeedsRange:
    kind = job(**limits)
    return kind.needs(kind.decode(request))


@pytest.mark.parametrize(
    "fields",
    [{}, {"inputs": INPUTS}, {"samples": 3}, {"effort": "low"}, {"max_tokens": 100}, {"inputs": LONG}],
    ids=["plain", "inputs", "samples", "low", "short", "parts"],
)
async def test_what_is_done_lies_between(fields: dict[str, Any]) -> None:
    request = body(**fields)
    limits = {"quota_tokens": 12_000}
    needs = said(request, **limits)
    done = steps(await drive(job(**limits), request, StepModel()))
    refused = steps(await drive(job(**limits), request, StepModel(verify=REFUSED)))
    assert len(done) == needs.least.calls
    if fields.get("inputs") is not LONG:  # there, merges that weren't needed are among the most
        assert len(refused) == needs.most.calls
    for found in (done, refused):
        assert len(found) <= needs.most.calls
        assert needs.least.charged_tokens <= sum(step.tokens for step in found) <= needs.most.charged_tokens


def test_most_is_a_revision_with_the_longest_answers() -> None:
    needs = said(body())
    assert needs.least.calls == 3
    assert needs.most.calls == 5
    assert needs.least.output_tokens < needs.most.output_tokens
    assert needs.most.charged_tokens == needs.most.input_tokens + needs.most.output_tokens


def test_long_inputs_are_read_in_parts_and_their_notes_may_be_merged() -> None:
    few, many = said(body(inputs=LONG), quota_tokens=40_000), said(body(inputs=LONG), quota_tokens=12_000)
    assert many.least.calls > few.least.calls > 3
    assert many.most.calls > many.least.calls + 2, "merges and a revision"


def test_a_model_that_thinks_is_charged_for_it() -> None:
    assert said(body(), base_model="o4-mini").most.output_tokens > said(body()).most.output_tokens
