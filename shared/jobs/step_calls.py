"""Makes the one call of a step, within its booking, and keeps what came of it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.errors import BookingMissedError, InvalidOutputError, RateLimitedError, SluiceError, StorageError
from shared.jobs.deployments import Deployment
from shared.jobs.faults import internal_error
from shared.jobs.job_telemetry import activity, job_retried
from shared.jobs.kinds import Draft
from shared.jobs.record import JobRecord
from shared.jobs.step_outputs import StepOutputs, StepRecord
from shared.jobs.step_policy import Tried, after_error
from shared.jobs.steps import Step
from shared.jobs.stepwise import StepwiseJobs, StepwiseParts
from shared.messages import RunTicket
from shared.model.metering import MeteredModelClient
from shared.model.structured import estimate_repair_tokens
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StepOrder:
    """Which step of which job.

    Attributes:
        booking: of the job, that the orchestration was started for.
    """

    kind: str
    job_id: str
    booking: int
    step: Step
    tried: Tried = field(default_factory=Tried)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "StepOrder":
        """Read what an orchestration sends."""
        step = Step(**{**raw["step"], "needs": tuple(raw["step"]["needs"])})
        return cls(raw["kind"], raw["job_id"], raw["booking"], step, Tried.from_dict(raw["tried"]))


@dataclass(frozen=True, slots=True)
class StepCalled:
    """What the orchestration has to know of a call.

    Attributes:
        again: the step has to be done again, from here.
        missed: the booking was of no use; nothing was called.
        throttled: the endpoint answered 429: deployment, epoch of the booking, and `retry-after` where it was given.
    """

    again: Tried | None = None
    missed: bool = False
    throttled: tuple[str, int, float | None] | None = None


class StepCalls:
    """Makes the calls of steps. Only failing storage or messaging raises."""

    def __init__(self, jobs: StepwiseJobs, parts: StepwiseParts, max_throttles: int) -> None:
        self._jobs = jobs
        self._parts = parts
        self._max_throttles = max_throttles

    @property
    def _outputs(self) -> StepOutputs:
        return self._parts.outputs

    async def call(self, ticket: RunTicket, order: StepOrder) -> StepCalled:
        """Make the call that a ticket lets be made, unless the step is done or the job is over.

        Raises:
            StorageError, MessagingError: it has to be done again.
        """
        record = await self._jobs.running(order.kind, order.job_id, order.booking)
        kind = self._parts.kinds[order.kind]
        deployment = self._jobs.deployment(kind, order.step)
        kept = StepRecord() if record is None else await self._outputs.get(record, order.step.name)
        if record is None or kept.output is not None:
            await deployment.calls.of(ticket).missed("not_needed")
            return StepCalled()
        with activity("job_step_call", record, name=order.step.name, attempt=order.tried.attempt):
            return await self._call(record, order, ticket, deployment, _Made(kept))

    async def _call(
        self, record: JobRecord, order: StepOrder, ticket: RunTicket, deployment: Deployment, made: "_Made"
    ) -> StepCalled:
        kind, kept = self._parts.kinds[order.kind], made.before
        error: SluiceError
        try:
            job = await self._jobs.job(record)
            needed = await self._outputs.some(record, order.step.needs)
            draft = None if kept.draft is None else Draft(kept.draft, kept.draft_error or "")

            async def step(model: MeteredModelClient) -> dict[str, Any]:
                made.model = model
                log_event(logger, "step_called", job_id=order.job_id, kind=order.kind, step=order.step.name)
                return await kind.run_step(job, order.step, needed, model=model, draft=draft)

            output = await deployment.calls.make(ticket, deployment.model, step)
        except BookingMissedError:
            return StepCalled(missed=True)
        except StorageError:
            raise  # nobody's fault, and no attempt
        except SluiceError as caught:
            error = caught
        except Exception as fault:
            error = internal_error(fault, order.job_id)
        else:
            await self._outputs.keep(record, order.step.name, replace(made.record(), output=output))
            log_event(logger, "step_done", job_id=order.job_id, kind=order.kind, step=order.step.name)
            return StepCalled()
        return await self._on_error(record, order, ticket, deployment, made.record(), error)

    async def _on_error(
        self,
        record: JobRecord,
        order: StepOrder,
        ticket: RunTicket,
        deployment: Deployment,
        made: StepRecord,
        error: SluiceError,
    ) -> StepCalled:
        repair_tokens = None
        if isinstance(error, InvalidOutputError) and made.draft is None:
            extra = await asyncio.to_thread(estimate_repair_tokens, error.output, str(error))
            if deployment.queue.fits(order.step.tokens + extra):
                made, repair_tokens = replace(made, draft=error.output, draft_error=str(error)[:1000]), extra
        await self._outputs.keep(record, order.step.name, made)
        again = after_error(
            order.tried, error, self._parts.policy, max_throttles=self._max_throttles, repair_tokens=repair_tokens
        )
        throttled = (
            (deployment.name, ticket.epoch, error.retry_after_s) if isinstance(error, RateLimitedError) else None
        )
        if again is None:
            await self._jobs.fail(record, error)
        else:
            job_retried(order.kind, error.code)
            log_event(
                logger,
                "step_repeated",
                level=logging.WARNING,
                job_id=order.job_id,
                kind=order.kind,
                step=order.step.name,
                reason=error.code,
            )
        return StepCalled(again=again, throttled=throttled)


@dataclass
class _Made:
    """What a step used: before, and by this call."""

    before: StepRecord
    model: MeteredModelClient | None = None

    def record(self) -> StepRecord:
        """What to keep of it so far, but for an output."""
        if self.model is None or self.model.model is None:  # no call was answered
            return self.before
        return replace(
            self.before,
            input_tokens=self.before.input_tokens + self.model.usage.input_tokens,
            output_tokens=self.before.output_tokens + self.model.usage.output_tokens,
            audio_s=self.before.audio_s + self.model.audio_s,
            calls=self.before.calls + 1,
            model=self.model.model,
        )
