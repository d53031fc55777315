"""The orchestration of jobs of several calls: round after round, each step a booked call of its own.

What is done and decided is in shared/jobs/stepwise.py and step_calls.py. Histories hold names and numbers only.
"""

from collections.abc import Generator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import azure.durable_functions as df

from functions.booking import OversizedCallError, WaitingCall, booked_call
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from shared.jobs.record import JobRecord

bp = df.Blueprint()

# The storage account may be away for a while; the orchestrations live in it, too.
_RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=2_000, max_number_of_attempts=60)
_RETRY_STEP_S = 5.0
_WAIT_FOR_SETTINGS = timedelta(minutes=5)
_MAX_INTERRUPTIONS = 60


def instance_of(kind: str, job_id: str, booking: int) -> str:
    """The id of a job's orchestration: a new one for every replay."""
    from shared.jobs.record import job_digest

    return f"{kind}-{job_digest(kind, job_id)}-{booking}"


async def start_steps(client: df.DurableOrchestrationClient, record: "JobRecord") -> None:
    """Start a job's orchestration unless it runs."""
    job = {"kind": record.kind, "job_id": record.job_id, "booking": record.booking}
    try:
        await client.start_new("job_steps", instance_of(record.kind, record.job_id, record.booking), job)
    except Exception as error:
        # The SDK raises nothing more exact than this for an instance that runs.
        if "already exists" not in str(error):
            raise


@bp.orchestration_trigger(context_name="context", orchestration="job_steps")
def job_steps(context: df.DurableOrchestrationContext) -> Generator[Any, Any]:
    """One round after the other until the job is over."""
    job = context.get_input()
    try:
        while (found := (yield context.call_activity_with_retry("job_next_round", _RETRY, job))) is not None:
            yield from _round(context, job, found)
    except Exception as error:
        if ConfigurationError.__name__ in str(error):
            # The text is all that an orchestration learns of an error. A timer costs nothing, however long it takes
            # until the settings are mended.
            yield context.create_timer(context.current_utc_datetime + _WAIT_FOR_SETTINGS)
            context.continue_as_new(job)
            return
        yield context.call_activity_with_retry("job_abandon", _RETRY, {**job, "reason": type(error).__name__})


def _round(context: df.DurableOrchestrationContext, job: dict[str, Any], found: dict[str, Any]) -> Generator[Any, Any]:
    behind, total = found["behind"], found["total"]
    tasks: dict[Any, str] = {}
    for step in found["steps"]:
        order = {**job, "step": step, "app_id": found["app_id"], "priority": found["priority"]}
        tasks[context.call_sub_orchestrator("job_step", order)] = step["title"]
    while tasks:
        context.set_custom_status(progress(behind, total, next(iter(tasks.values()))))
        done = yield context.task_any(list(tasks))
        tasks.pop(done)
        behind += 1


def progress(behind: int, total: int, doing: str) -> dict[str, Any]:
    """How far a job is, for people who wait for it."""
    return {"step": min(behind + 1, total), "of": total, "percent": 100 * behind // max(1, total), "doing": doing}


@bp.orchestration_trigger(context_name="context", orchestration="job_step")
def job_step(context: df.DurableOrchestrationContext) -> Generator[Any, Any]:
    """The calls of one step until it is done or the job is over."""
    order = context.get_input()
    step = order["step"]
    tried: dict[str, Any] = {"attempt": 1, "throttles": 0, "delay_s": 0.0, "extra_tokens": 0}
    interruptions = 0
    while True:
        call = WaitingCall(
            deployment=step["deployment"],
            kind=order["kind"],
            job_id=order["job_id"],
            tokens=step["tokens"] + tried["extra_tokens"],
            app_id=order["app_id"],
            priority=order["priority"],
            delay_s=tried["delay_s"],
        )
        try:
            answer = yield from booked_call(context, "job_step_call", {**order, "tried": tried}, call)
        except OversizedCallError as error:
            yield context.call_activity_with_retry("job_abandon", _RETRY, {**order, "oversized": int(str(error))})
            return
        except Exception:
            # Storage was away, or the process died: the step may have been done all the same.
            interruptions += 1
            if interruptions > _MAX_INTERRUPTIONS:
                raise
            yield context.create_timer(context.current_utc_datetime + timedelta(seconds=_RETRY_STEP_S))
            continue
        if answer["again"] is None:
            return
        tried = answer["again"]


@bp.activity_trigger(input_name="job")
async def job_next_round(job: dict) -> dict | None:  # type: ignore[type-arg]  # the library takes no dict[str, Any]
    """Decide what comes next, or end the job."""
    from shared.bootstrap import services

    return await (await services()).jobs.next_round(job["kind"], job["job_id"], job["booking"])


@bp.activity_trigger(input_name="job")
async def job_abandon(job: dict) -> None:  # type: ignore[type-arg]
    """End a job whose orchestration can't go on."""
    from shared.bootstrap import services
    from shared.errors import AbandonedJobError, SluiceError
    from shared.jobs.faults import LimitLoweredError

    error: SluiceError
    if "oversized" in job:
        error = LimitLoweredError(job["oversized"])
    else:
        error = AbandonedJobError(f"The job's orchestration failed with {job['reason']}.")
    await (await services()).jobs.abandon(job["kind"], job["job_id"], job["booking"], error)


@bp.activity_trigger(input_name="order")
@bp.durable_client_input(client_name="client")
async def job_step_call(order: dict, client: df.DurableOrchestrationClient) -> dict:  # type: ignore[type-arg]
    """Make one call of a step."""
    from functions.waking import tell_throttled
    from shared.bootstrap import services
    from shared.jobs.step_calls import StepOrder
    from shared.messages import RunTicket

    found = await services()
    called = await found.step_calls.call(RunTicket(**order["ticket"]), StepOrder.from_dict(order["request"]))
    if called.throttled is not None:
        name, epoch, retry_after_s = called.throttled
        await tell_throttled(client, found.deployment(name), epoch, retry_after_s)
    if called.missed:
        return {"missed": True}
    return {"again": None if called.again is None else asdict(called.again)}
