"""Reasoning jobs: plan, solve and verify a task; long inputs are read in parts first. docs/reasoning.md has the whole.

What the steps keep, beside `usage`, `model` and `inputs` (which names the texts that they saw):

    read-0001, ... merge-1-0001, ...   notes, quotes, dropped
    plan                               plan
    solve or solve-1, ... revise       reasoning, evidence, answer, confidence
    verify, verify-2                   check, verdict, problems
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from shared.config import Queues
from shared.jobs.call_needs import NeedsRange
from shared.jobs.kinds import Draft
from shared.jobs.reasoning_budget import budget_of
from shared.jobs.reasoning_estimate import needs_of
from shared.jobs.reasoning_inputs import InputReader, NoInputReader, check_references, load_inputs
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.jobs.reasoning_profile import ReasoningProfile
from shared.jobs.reasoning_prompts import Calls
from shared.jobs.reasoning_request import ReasoningRequest
from shared.jobs.reasoning_result import result_of
from shared.jobs.reasoning_rounds import next_round
from shared.jobs.reasoning_work import KnownParts, Work, kind_of
from shared.jobs.steps import Outputs, Round, Step, StepJob
from shared.model.client import ModelService
from shared.model.tokens import DEFAULT_MODEL


class ReasoningJob:
    """Implements StepwiseKind.

    Args:
        profile: the prompts.
        deployment: that the steps call.
        base_model: what it serves: decides how tokens are counted, and whether it is a reasoning model.
        limits: of jobs and calls.
        reader: for inputs that are blobs; None accepts texts only.
    """

    name = "reasoning"

    def __init__(
        self,
        profile: ReasoningProfile,
        queues: Queues,
        deployment: str,
        base_model: str = DEFAULT_MODEL,
        limits: ReasoningLimits | None = None,
        reader: InputReader | None = None,
    ) -> None:
        self.queues = queues
        self.deployment = deployment
        self._profile = profile
        self._base_model = base_model
        self._limits = limits or ReasoningLimits()
        self._reader = reader or NoInputReader()
        self._known = KnownParts()

    def decode(self, body: bytes) -> ReasoningRequest:
        """See StepwiseKind."""
        request = ReasoningRequest.decode(body, self._limits)
        check_references(request, self._reader)
        budget_of(self._calls(request), self._profile, self._limits, self._base_model)
        return request

    def estimate(self, request: ReasoningRequest) -> int:
        """See StepwiseKind. Inputs that are blobs count as empty: they are read when it is the job's turn."""
        work = self._without_blobs(request)
        steps = next_round(work, {}).steps
        direct = () if work.parts else (work.call("solve", (), {}),)
        return max([*(step.tokens for step in steps), *(call.tokens(self._base_model) for call in direct)])

    def needs(self, request: ReasoningRequest) -> NeedsRange:
        """What the calls of a job will need; inputs that are blobs count as empty.

        Raises:
            InvalidMessageError: see Work.prepare.
        """
        return needs_of(self._without_blobs(request))

    async def prepare(self, job: StepJob) -> None:  # noqa: ARG002
        """See StepwiseKind. There is nothing to prepare."""
        return

    async def next_round(self, job: StepJob, outputs: Outputs) -> Round:
        """See StepwiseKind."""
        work = await self._work(job)

        def decide() -> Round:
            work.check(outputs)
            return next_round(work, outputs)

        return await asyncio.to_thread(decide)

    async def run_step(
        self, job: StepJob, step: Step, outputs: Outputs, *, model: ModelService, draft: Draft | None = None
    ) -> dict[str, Any]:
        """See StepwiseKind."""
        work = await self._work(job)
        work.check(outputs)
        call = await asyncio.to_thread(work.call, step.name, step.needs, outputs)
        if draft is not None:
            call = call.repairing(draft)
        completion = await call.make(model)
        output = await asyncio.to_thread(call.format.parse, completion.text, completion.finish_reason)
        if kind_of(step.name) in ("read", "merge"):
            # What the notes quote is checked here: the steps to come see only quotes that are in the inputs.
            evidence = await asyncio.to_thread(work.evidence, output, "quotes")
            quotes = [{"input": quote.input, "quote": quote.said} for quote in evidence.quotes]
            output = {**output, "quotes": quotes, "dropped": evidence.dropped}
        usage = {"input_tokens": completion.usage.input_tokens, "output_tokens": completion.usage.output_tokens}
        return {**output, "usage": usage, "model": completion.model, "inputs": work.digest}

    async def finish(self, job: StepJob, outputs: Outputs) -> dict[str, Any]:
        """See StepwiseKind."""
        work = await self._work(job)
        work.check(outputs)
        result = await asyncio.to_thread(result_of, work, outputs)
        return {**result, "profile_version": self._profile.version}

    async def _work(self, job: StepJob) -> Work:
        texts = await load_inputs(job.request, self._reader, self._limits)
        return await asyncio.to_thread(self._prepared, job.request, texts)

    def _without_blobs(self, request: ReasoningRequest) -> Work:
        return self._prepared(request, {one.id: one.text or "" for one in request.inputs})

    def _prepared(self, request: ReasoningRequest, texts: Mapping[str, str]) -> Work:
        return Work.prepare(request, texts, self._profile, self._limits, self._base_model, self._known)

    def _calls(self, request: ReasoningRequest) -> Calls:
        return Calls(request, self._profile, self._limits, self._base_model)
