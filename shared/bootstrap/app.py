"""Everything that the triggers need."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache

from shared.bootstrap.backend import Backend, connect, now
from shared.bootstrap.kinds import deployments, limits_of
from shared.bootstrap.runs import Runs
from shared.config import DeploymentSettings, Settings
from shared.config_log import log_configuration
from shared.errors import ConfigurationError
from shared.jobs.booked_calls import BookedCalls
from shared.jobs.call_reports import CallReports
from shared.jobs.deployments import Deployment, deployment_of
from shared.jobs.failures import FailedJobs
from shared.jobs.intake import Intake
from shared.jobs.pump import Pump, PumpParts
from shared.jobs.pump_row import PumpRow
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.retention import Retention
from shared.jobs.runner import JobRunner
from shared.jobs.step_calls import StepCalls
from shared.jobs.step_outputs import StepOutputs
from shared.jobs.stepwise import StepwiseJobs, StepwiseParts
from shared.jobs.waker import Waker
from shared.log_services import start_log_shipping
from shared.model.azure_openai import AzureOpenAIService
from shared.quota.admission import Admission
from shared.resilience.retry import RetryPolicy
from shared.storage.server_clock import ServerClock
from shared.telemetry.start import start_telemetry


@dataclass(frozen=True)
class Services:
    """What the triggers hand over to.

    Attributes:
        backend: what all of it stands on.
        chat: the deployment of all jobs that wait for quota as a whole.
        deployments: all, by name.
        jobs, step_calls: of several calls.
    """

    backend: Backend
    intake: Intake
    runner: JobRunner
    jobs: StepwiseJobs
    step_calls: StepCalls
    failed_jobs: FailedJobs
    chat: Deployment
    deployments: Mapping[str, Deployment]
    retention: Retention
    runs: Runs
    close: Callable[[], Awaitable[None]]

    def deployment(self, name: str) -> Deployment:
        """One of them.

        Raises:
            UnknownDeploymentError: the app has none of this name.
        """
        return deployment_of(self.deployments, name)


async def build(settings: Settings) -> Services:
    """Connect to everything.

    Raises:
        ConfigurationError: a setting or the feedback profile is wrong.
        StorageError: the tables can't be created.
    """
    chat_name = settings.chat.openai.deployment
    if not chat_name:
        raise ConfigurationError("The setting AZURE_OPENAI_DEPLOYMENT_NAME is missing.", field="deployment")
    models = {
        name: AzureOpenAIService(app_id=settings.app_id, settings=found.openai)
        for name, found in deployments(settings).items()
    }
    backend = await connect(settings)
    found = {
        name: _deployment(backend, name, deployment, models[name]) for name, deployment in deployments(settings).items()
    }
    chat = found[chat_name]
    policy = RetryPolicy(max_attempts=settings.max_attempts, base_s=2.0)
    parts = StepwiseParts(
        store=backend.store,
        payloads=backend.payloads,
        publisher=backend.publisher,
        outputs=StepOutputs(backend.own_blobs),
        kinds=backend.stepwise,
        lines=backend.lines,
        deployments=found,
        policy=policy,
        clock=now,
    )
    jobs = StepwiseJobs(parts)
    runner = JobRunner(
        backend.store,
        backend.payloads,
        backend.publisher,
        backend.single,
        chat.model,
        chat.queue,
        chat.calls,
        policy,
        settings.max_throttles,
        now,
    )

    async def close() -> None:
        for model in models.values():
            await model.aclose()
        await backend.close()

    return Services(
        backend=backend,
        intake=backend.intake,
        runner=runner,
        jobs=jobs,
        step_calls=StepCalls(jobs, parts, settings.max_throttles),
        failed_jobs=backend.failed_jobs,
        chat=chat,
        deployments=found,
        retention=backend.retention,
        runs=backend.runs,
        close=close,
    )


def _deployment(backend: Backend, name: str, settings: DeploymentSettings, model: AzureOpenAIService) -> Deployment:
    reports = CallReports(backend.tables, name)
    clock = ServerClock(reports.touch)
    row = PumpRow(backend.tables, name)
    limits = limits_of(settings)
    parts = PumpParts(
        pending=backend.pending,
        reports=reports,
        row=row,
        store=backend.store,
        publisher=backend.publisher,
        sender=backend.sender,
        kinds=backend.kinds,
        clock=clock,
    )
    return Deployment(
        name=name,
        limits=limits,
        queue=QuotaQueue(backend.pending, name, limits),
        pump=Pump(name, Admission(name, limits.as_dict(), settings.quota.weights), parts),
        waker=Waker(row, clock),
        calls=BookedCalls(reports, clock),
        model=model,
        clock=clock,
    )


_building: "asyncio.Task[Services] | None" = None


@cache
def _say_what_is_wrong() -> None:
    """Once for each worker process; not when the app is indexed, which every cold start waits for."""
    log_configuration()


async def services() -> Services:
    """The services of this worker process, built with its first invocation.

    A failed build is not kept: the next invocation tries again.
    """
    global _building
    start_log_shipping()
    start_telemetry()
    _say_what_is_wrong()
    if _building is None or (_building.done() and (_building.cancelled() or _building.exception())):
        _building = asyncio.ensure_future(build(Settings.from_env()))
    return await asyncio.shield(_building)
