"""Drives a stepwise job in this process as its orchestration does: rounds of steps, one repair each, the result."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.errors import InvalidOutputError
from shared.jobs.kinds import Draft
from shared.jobs.steps import Round, Step, StepJob, StepwiseKind
from shared.model.client import ModelService

_MOST_ROUNDS = 50


@dataclass
class Driven:
    """What became of one job.

    Attributes:
        outputs: what was kept of each step.
        rounds: what was done side by side.
        calls: of each step, repairs included.
    """

    result: dict[str, Any]
    outputs: dict[str, dict[str, Any]]
    rounds: list[Round] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[list[str]]:
        """Of the steps of each round."""
        return [[step.name for step in round_.steps] for round_ in self.rounds]


async def drive(
    kind: StepwiseKind,
    body: bytes,
    model: ModelService | Any,
    *,
    outputs: dict[str, dict[str, Any]] | None = None,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Driven:
    """Run a job from its body to its result.

    Args:
        outputs: kept of an earlier life of the job.
        on_step: called before each step; what it raises ends this life.

    Raises:
        SluiceError: the job failed.
    """
    job = StepJob("job-1", kind.decode(body), "reasoning/job-1")
    kept = outputs if outputs is not None else {}
    driven = Driven({}, kept)

    async def do(step: Step) -> None:
        on_step(step)
        needed = {name: kept[name] for name in step.needs}
        draft = None
        while True:
            driven.calls[step.name] = driven.calls.get(step.name, 0) + 1
            try:
                kept[step.name] = await kind.run_step(job, step, needed, model=model, draft=draft)
                return
            except InvalidOutputError as error:
                if draft is not None:
                    raise
                draft = Draft(error.output, str(error))

    while True:
        round_ = await kind.next_round(job, kept)
        assert round_ == await kind.next_round(job, kept), "the same outputs give the same answer"
        if not round_.steps:
            break
        driven.rounds.append(round_)
        assert len(driven.rounds) <= _MOST_ROUNDS, "the job never ends"
        await asyncio.gather(*(do(step) for step in round_.steps))
    driven.result = await kind.finish(job, kept)
    return driven
