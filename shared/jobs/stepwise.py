"""Runs jobs of several calls: what the run function and the orchestration (functions/steps.py) hand over to.

Every method may be called again after a crash, with the same arguments. What was done is found in the job's record and
in the outputs that were kept: a step that has one makes no call.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from shared.errors import ConflictError, SluiceError, StorageError, TransientError
from shared.jobs.deployments import Deployment, deployment_of
from shared.jobs.faults import internal_error
from shared.jobs.job_telemetry import activity, moved_on, orchestration_ended, orchestration_traceparent
from shared.jobs.lifecycle import Begin, Fail, Ignore, Publish, Requeue, on_error, on_ticket
from shared.jobs.lines import Line
from shared.jobs.publisher import Publisher
from shared.jobs.record import JobRecord, JobState
from shared.jobs.step_outputs import StepOutputs, StepRecord, outputs_of
from shared.jobs.steps import PREPARED, Round, Step, StepJob, StepwiseKind
from shared.jobs.store import JobStore
from shared.messages import RunTicket
from shared.resilience.retry import RetryPolicy
from shared.storage.payloads import PayloadStore
from shared.telemetry.events import log_event

_CONFLICT_LIMIT = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StepwiseParts:
    """What jobs of several calls work with."""

    store: JobStore
    payloads: PayloadStore
    publisher: Publisher
    outputs: StepOutputs
    kinds: Mapping[str, StepwiseKind]
    lines: Mapping[str, Line]
    deployments: Mapping[str, Deployment]
    policy: RetryPolicy
    clock: Callable[[], datetime]


class StepwiseJobs:
    """Begins jobs of several calls, decides their rounds, and ends them."""

    def __init__(self, parts: StepwiseParts) -> None:
        self._parts = parts
        self.kinds = parts.kinds

    async def begin(self, ticket: RunTicket) -> JobRecord | None:
        """Prepare a job.

        Returns:
            The job whose orchestration is to be started unless it runs already; None for none.

        Raises:
            StorageError, MessagingError: the ticket has to be delivered again.
        """
        parts = self._parts
        for _ in range(_CONFLICT_LIMIT):
            record = await parts.store.get(ticket.kind, ticket.job_id)
            if record is not None and await self._is_ready(record, ticket):
                return record
            decision = on_ticket(record, ticket, parts.clock())
            try:
                match decision:
                    case Begin(record):
                        return await self._prepare(await parts.store.update(moved_on(record)))
                    case Requeue():
                        await self._requeue(decision)
                    case Fail(record, error):
                        await parts.publisher.end(await parts.publisher.failed(record, error))
                    case Publish(record):
                        await parts.publisher.publish(record)
                    case Ignore(reason):
                        log_event(logger, "ticket_ignored", job_id=ticket.job_id, kind=ticket.kind, reason=reason)
            except ConflictError:
                continue  # somebody else moved the job on: look again
            return None
        raise ConflictError(f"The job {ticket.job_id} keeps changing.")

    async def next_round(self, kind_name: str, job_id: str, booking: int) -> dict[str, Any] | None:
        """Decide what comes next, or end the job.

        Args:
            booking: that the orchestration was started for.

        Returns:
            A Round as JSON; None where nothing is left to do.

        Raises:
            StorageError, MessagingError: it has to be done again.
        """
        record = await self.running(kind_name, job_id, booking)
        if record is None:
            return None
        with activity("job_next_round", record):
            return await self._next_round(record)

    async def _next_round(self, record: JobRecord) -> dict[str, Any] | None:
        kind_name, job_id = record.kind, record.job_id
        parts, kind = self._parts, self._parts.kinds[kind_name]
        kept = await parts.outputs.all(record)
        try:
            job = await self.job(record)
            outputs = outputs_of(kept)
            found = await kind.next_round(job, outputs)
            todo = tuple(step for step in found.steps if step.name not in outputs)
            if not todo:
                result = await kind.finish(job, outputs)
            for step in todo:
                self.deployment(kind, step).queue.check(step.tokens)
        except SluiceError as error:
            if isinstance(error, TransientError):
                raise
            await self.fail(record, error)
            return None
        except Exception as fault:
            await self.fail(record, internal_error(fault, job_id))
            return None
        if todo:
            log_event(logger, "job_round", job_id=job_id, kind=kind_name, steps=len(todo), behind=found.behind)
            return _as_json(record, Round(todo, found.behind, found.total), kind)
        ended = await parts.publisher.succeeded(billed(record, kept), result, last_model(kept))
        log_event(logger, "job_succeeded", job_id=job_id, kind=kind_name, attempt=record.attempt)
        if await parts.publisher.end(ended):
            orchestration_ended(record, parts.clock())
        return None

    async def abandon(self, kind_name: str, job_id: str, booking: int, error: SluiceError) -> None:
        """End a job as failed, as its orchestration can't go on."""
        if (record := await self.running(kind_name, job_id, booking)) is not None:
            await self.fail(record, error)

    async def running(self, kind: str, job_id: str, booking: int) -> JobRecord | None:
        """The job, while it is this orchestration's. One whose outcome isn't out yet is published."""
        record = await self._parts.store.get(kind, job_id)
        if record is None:
            return None
        if record.state.final:
            await self._parts.publisher.publish(record)
            return None
        return record if record.state is JobState.RUNNING and record.booking == booking else None

    async def job(self, record: JobRecord) -> StepJob:
        """The job as its kind sees it."""
        request = self._parts.kinds[record.kind].decode(await self._parts.payloads.load(record.body))
        return StepJob(record.job_id, request, record.blob_prefix)

    def deployment(self, kind: StepwiseKind, step: Step) -> Deployment:
        """That a step calls.

        Raises:
            UnknownDeploymentError
        """
        return deployment_of(self._parts.deployments, step.deployment or kind.deployment)

    async def fail(self, record: JobRecord, error: SluiceError, *, orchestrated: bool = True) -> None:
        """End a job as failed.

        Args:
            orchestrated: whether its orchestration has begun.
        """
        parts = self._parts
        log_event(
            logger, "job_failed", level=logging.WARNING, job_id=record.job_id, kind=record.kind, reason=error.code
        )
        kept = await parts.outputs.all(record)
        failed = await parts.publisher.failed(billed(record, kept), error, last_model(kept))
        if await parts.publisher.end(failed) and orchestrated:
            orchestration_ended(record, parts.clock(), error.code)

    async def _is_ready(self, record: JobRecord, ticket: RunTicket) -> bool:
        """Whether the job is prepared already, and only its orchestration may not have been started."""
        if record.state is not JobState.RUNNING or record.booking != ticket.booking:
            return False
        return (await self._parts.outputs.get(record, PREPARED)).output is not None

    async def _prepare(self, record: JobRecord) -> JobRecord | None:
        parts = self._parts
        log_event(logger, "job_started", job_id=record.job_id, kind=record.kind, attempt=record.attempt)
        error: SluiceError
        try:
            if (await parts.outputs.get(record, PREPARED)).output is None:
                prepared = await parts.kinds[record.kind].prepare(await self.job(record))
                await parts.outputs.keep(record, PREPARED, StepRecord(output=prepared or {}))
            return record
        except StorageError:
            raise  # nobody's fault, and no attempt
        except SluiceError as caught:
            error = caught
        except Exception as fault:
            error = internal_error(fault, record.job_id)
        decision = on_error(record, error, parts.policy, parts.clock())
        if isinstance(decision, Requeue):
            try:
                await self._requeue(decision)
            except ConflictError:
                log_event(logger, "attempt_superseded", job_id=record.job_id, kind=record.kind)
        else:
            await self.fail(decision.record, error, orchestrated=False)
        return None

    async def _requeue(self, requeue: Requeue) -> None:
        record = await self._parts.store.update(requeue.record) if requeue.changed else requeue.record
        await self._parts.lines[record.kind].enqueue([record])


def billed(record: JobRecord, kept: Mapping[str, StepRecord]) -> JobRecord:
    """The record with what all steps used."""
    return record.changed(
        record.updated_at,
        input_tokens=sum(step.input_tokens for step in kept.values()),
        output_tokens=sum(step.output_tokens for step in kept.values()),
        audio_s=sum(step.audio_s for step in kept.values()) or None,
    )


def last_model(kept: Mapping[str, StepRecord]) -> str | None:
    """The model that answered the last of the steps, in their names' order."""
    return next((kept[name].model for name in sorted(kept, reverse=True) if kept[name].model), None)


def _as_json(record: JobRecord, found: Round, kind: StepwiseKind) -> dict[str, Any]:
    """A round for the orchestration. Names and numbers only: histories aren't deleted with a job that is forgotten."""
    return {
        "steps": [{**asdict(step), "deployment": step.deployment or kind.deployment} for step in found.steps],
        "behind": found.behind,
        "total": found.total,
        "app_id": record.app_id or "",
        "priority": str(record.priority),
        "traceparent": orchestration_traceparent(record),
    }
