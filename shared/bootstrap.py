"""The composition root: settings become services here, and nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.config import Settings
from shared.errors import ConfigurationError, UnknownDeploymentError
from shared.jobs.booked_calls import BookedCalls
from shared.jobs.call_reports import CallReports
from shared.jobs.failures import FailedJobs
from shared.jobs.feedback import FeedbackJob
from shared.jobs.feedback_profile import FeedbackProfile
from shared.jobs.forget import Forgetting
from shared.jobs.intake import Intake
from shared.jobs.kinds import JobKind
from shared.jobs.pending import PendingTable
from shared.jobs.publisher import Publisher
from shared.jobs.pump import Pump, PumpParts
from shared.jobs.pump_row import PumpRow
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.record import partitions
from shared.jobs.retention import BookmarkRow, Retention, Sweep
from shared.jobs.runner import JobRunner
from shared.jobs.store import JobStore, TableJobStore
from shared.jobs.sweeps import BlobSweep, CallSweep, FailureSweep, JobSweep, keep_claim_check, keep_payload
from shared.jobs.waker import Waker
from shared.log_services import start_log_shipping
from shared.messaging.sender import MessageSender, ServiceBusMessageSender
from shared.model.azure_openai import AzureOpenAIService
from shared.model.tokens import DEFAULT_MODEL
from shared.quota.admission import Admission
from shared.quota.limits import Limits
from shared.resilience.retry import RetryPolicy
from shared.storage.azure import BlobContainer, blob_service, table_service
from shared.storage.payloads import PayloadStore
from shared.storage.server_clock import ServerClock
from shared.telemetry.events import quiet_libraries

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient

PAYLOAD_CONTAINER = "sluice-payloads"
CLAIM_CHECK_CONTAINER = "claim-checks"


@dataclass(frozen=True)
class Backend:
    """Job store, payloads and queues, and what can be done with them without calling a model."""

    settings: Settings
    kinds: Mapping[str, JobKind]
    tables: "TableServiceClient"
    store: JobStore
    pending: PendingTable
    queue: QuotaQueue
    payloads: PayloadStore
    sender: MessageSender
    publisher: Publisher
    intake: Intake
    failed_jobs: FailedJobs
    forgetting: Forgetting
    retention: Retention
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Services:
    """What the triggers hand over to.

    Attributes:
        deployment: that jobs are lined up for.
        limits: of its quota, for the token counter.
        queue, calls, model: for calls of orchestrations.
        waker: wakes the pump.
        clock: the server's.
    """

    intake: Intake
    runner: JobRunner
    failed_jobs: FailedJobs
    deployment: str
    limits: Limits
    queue: QuotaQueue
    calls: BookedCalls
    model: AzureOpenAIService
    pump: Pump
    waker: Waker
    clock: ServerClock
    retention: Retention
    close: Callable[[], Awaitable[None]]

    def pump_of(self, deployment: str) -> Pump:
        """The pump of a deployment.

        Raises:
            UnknownDeploymentError: the app has none of this name.
        """
        if deployment != self.deployment:
            raise UnknownDeploymentError(f"This app lines up no calls for the deployment {deployment}.")
        return self.pump


async def connect(settings: Settings) -> Backend:
    """Connect to storage and Service Bus. Clients belong to the running event loop.

    Raises:
        ConfigurationError: a setting or the feedback profile is wrong.
        StorageError: the tables can't be created.
    """
    quiet_libraries()
    profile = FeedbackProfile.load(settings.feedback_profile)
    base_model = settings.openai.base_model or settings.openai.deployment or DEFAULT_MODEL
    feedback = FeedbackJob(profile, settings.feedback, settings.max_text_chars, base_model)
    kinds: dict[str, JobKind] = {feedback.name: feedback}
    tables = table_service(settings.tables)
    blobs = blob_service(settings.blobs)
    store = TableJobStore(tables)
    pending = PendingTable(tables)
    queue = QuotaQueue(pending, settings.openai.deployment, limits_of(settings))
    own, claim_checks = BlobContainer(blobs, PAYLOAD_CONTAINER), BlobContainer(blobs, CLAIM_CHECK_CONTAINER)
    payloads = PayloadStore(own, claim_checks, settings.max_body_bytes)
    sender = ServiceBusMessageSender(settings.service_bus)
    publisher = Publisher(store, payloads, sender, kinds, _now)
    intake = Intake(store, payloads, publisher, queue, kinds, _now)
    keep = settings.retention
    retention = Retention(
        _sweeps(tables, store, own, claim_checks, kinds),
        BookmarkRow(tables),
        timedelta(days=keep.days) if keep.days else None,
        keep.minutes * 60,
        _now,
    )

    async def close() -> None:
        await sender.close()
        await blobs.close()
        await tables.close()

    try:
        await store.prepare()
        await pending.prepare()
    except BaseException:
        await close()
        raise
    return Backend(
        settings=settings,
        kinds=kinds,
        tables=tables,
        store=store,
        pending=pending,
        queue=queue,
        payloads=payloads,
        sender=sender,
        publisher=publisher,
        intake=intake,
        failed_jobs=FailedJobs(store, payloads, publisher, intake, queue, kinds, _now),
        forgetting=Forgetting(store, payloads, pending),
        retention=retention,
        close=close,
    )


async def build(settings: Settings) -> Services:
    """Everything that the triggers need.

    Raises:
        ConfigurationError: a setting or the feedback profile is wrong.
        StorageError: the tables can't be created.
    """
    model = _model(settings)
    deployment = settings.openai.deployment or ""
    backend = await connect(settings)
    reports = CallReports(backend.tables, deployment)
    clock = ServerClock(reports.touch)
    row = PumpRow(backend.tables, deployment)
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
    limits = limits_of(settings)
    calls = BookedCalls(reports, clock)
    runner = JobRunner(
        backend.store,
        backend.payloads,
        backend.publisher,
        backend.kinds,
        model,
        backend.queue,
        calls,
        RetryPolicy(max_attempts=settings.max_attempts, base_s=2.0),
        settings.max_throttles,
        _now,
    )

    async def close() -> None:
        await model.aclose()
        await backend.close()

    return Services(
        intake=backend.intake,
        runner=runner,
        failed_jobs=backend.failed_jobs,
        deployment=deployment,
        limits=limits,
        pump=Pump(deployment, Admission(deployment, limits.as_dict(), settings.quota.weights), parts),
        queue=backend.queue,
        calls=calls,
        model=model,
        waker=Waker(row, clock),
        clock=clock,
        retention=backend.retention,
        close=close,
    )


def limits_of(settings: Settings) -> Limits:
    """The quota that the settings reserve."""
    quota = settings.quota
    return Limits(quota.tpm, quota.rpm, quota.request_window_s, quota.guard_s)


def _sweeps(
    tables: "TableServiceClient", store: JobStore, own: BlobContainer, claim_checks: BlobContainer, kinds: Iterable[str]
) -> list[Sweep]:
    """What retention looks through, in its order: rows before what is found by their absence."""
    sweeps: list[Sweep] = []
    for kind in kinds:
        sweeps += [JobSweep(tables, claim_checks, partition) for partition in partitions(kind)]
        sweeps.append(FailureSweep(tables, kind))
        sweeps.append(BlobSweep(own, kind, store, "blobs", keep_payload))
        sweeps.append(BlobSweep(claim_checks, kind, store, "claim_checks", keep_claim_check))
    return [*sweeps, CallSweep(tables, store)]


def _model(settings: Settings) -> AzureOpenAIService:
    found = settings.openai
    if not found.deployment:
        raise ConfigurationError("The setting AZURE_OPENAI_DEPLOYMENT_NAME is missing.", field="deployment")
    return AzureOpenAIService(app_id=settings.app_id, settings=found)


_building: "asyncio.Task[Services] | None" = None


async def services() -> Services:
    """The services of this worker process, built with its first invocation.

    A failed build is not kept: the next invocation tries again.
    """
    global _building
    start_log_shipping()
    if _building is None or (_building.done() and (_building.cancelled() or _building.exception())):
        _building = asyncio.ensure_future(build(Settings.from_env()))
    return await asyncio.shield(_building)


def _now() -> datetime:
    return datetime.now(UTC)
