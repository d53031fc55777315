"""The port to kinds of jobs that take several model calls: what the durable orchestration needs to know of each.

The orchestration (functions/steps.py) works in rounds: `next_round` says which steps come now, each step is one booked
model call whose output is kept, and after the last round `finish` makes the result. All of it may be done again after a
crash, with the outputs that were kept: a step that has one isn't done again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from shared.jobs.kinds import Draft, Kind
from shared.model.client import ModelService

PREPARED = "prepare"
"""The name under which the outcome of `prepare` is kept."""

type Outputs = Mapping[str, dict[str, Any]]
"""What was kept of finished steps, by the step's name."""


@dataclass(frozen=True, slots=True)
class Step:
    """One model call of a job.

    Attributes:
        name: names its output; unique within the job. Lower-case letters, digits and hyphens, at most 40.
        title: for people, such as "reading part 3 of 7". Holds nothing of the job's contents.
        tokens: what the endpoint will charge, as estimated.
        needs: steps whose outputs it is given.
        deployment: that it calls; None means the kind's own.
    """

    name: str
    title: str
    tokens: int
    needs: tuple[str, ...] = ()
    deployment: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """Steps that can be done now, side by side.

    Attributes:
        steps: none means that all is done.
        behind: how many steps of the job lie behind, of `total` as far as is known now; for the progress.
    """

    steps: tuple[Step, ...]
    behind: int
    total: int


@dataclass(frozen=True, slots=True)
class StepJob:
    """The job that a step is part of.

    Attributes:
        request: what `decode` made of the body.
        prefix: of the job's blobs.
    """

    job_id: str
    request: Any
    prefix: str


class StepwiseKind(Kind, Protocol):
    """One kind of job that takes several calls. Knows nothing of queues, orchestrations and bookings.

    Attributes:
        deployment: that its steps call where they name no other.
    """

    deployment: str

    async def prepare(self, job: StepJob) -> dict[str, Any] | None:
        """Heavy work before the first round, in the function that gets the run message.

        Returns:
            JSON to keep as the output PREPARED; None where there is nothing to prepare.

        Raises:
            PermanentError: the job ends as failed for this reason.
            TransientError: a later attempt may succeed.
        """
        ...

    async def next_round(self, job: StepJob, outputs: Outputs) -> Round:
        """Decide what comes next. The same outputs give the same answer.

        Raises:
            PermanentError: the job ends as failed for this reason.
        """
        ...

    async def run_step(
        self, job: StepJob, step: Step, outputs: Outputs, *, model: ModelService, draft: Draft | None = None
    ) -> dict[str, Any]:
        """Make the one model call of a step.

        Args:
            outputs: of the steps that it needs.
            model: for this one call; it calls the step's deployment where none is named.
            draft: where given, the call is a repair of this answer.

        Returns:
            JSON to keep.

        Raises:
            InvalidOutputError: the answer doesn't fit; the next call may repair it.
            PermanentError: the job ends as failed for this reason.
            TransientError: a later attempt may succeed.
        """
        ...

    async def finish(self, job: StepJob, outputs: Outputs) -> dict[str, Any]:
        """Make the result of all outputs.

        Raises:
            PermanentError: the job ends as failed for this reason.
        """
        ...
