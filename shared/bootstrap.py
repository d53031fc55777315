"""The composition root: settings become services here, and nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.config import Settings
from shared.errors import ConfigurationError
from shared.jobs.failures import FailedJobs
from shared.jobs.feedback import FeedbackJob
from shared.jobs.feedback_profile import FeedbackProfile
from shared.jobs.intake import Intake
from shared.jobs.kinds import JobKind
from shared.jobs.publisher import Publisher
from shared.jobs.runner import JobRunner
from shared.jobs.store import JobStore, TableJobStore
from shared.messaging.sender import MessageSender, ServiceBusMessageSender
from shared.model.azure_openai import AzureOpenAIService
from shared.resilience.retry import RetryPolicy
from shared.storage.azure import BlobContainer, blob_service, table_service
from shared.storage.payloads import PayloadStore
from shared.telemetry.events import quiet_libraries

PAYLOAD_CONTAINER = "sluice-payloads"
CLAIM_CHECK_CONTAINER = "claim-checks"


@dataclass(frozen=True)
class Backend:
    """Job store, payloads and queues, and what can be done with them without calling a model."""

    settings: Settings
    kinds: Mapping[str, JobKind]
    store: JobStore
    payloads: PayloadStore
    sender: MessageSender
    publisher: Publisher
    intake: Intake
    failed_jobs: FailedJobs
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Services:
    """What the triggers hand over to."""

    intake: Intake
    runner: JobRunner
    failed_jobs: FailedJobs
    close: Callable[[], Awaitable[None]]


async def connect(settings: Settings) -> Backend:
    """Connect to storage and Service Bus. Clients belong to the running event loop.

    Raises:
        ConfigurationError: a setting or the feedback profile is wrong.
        StorageError: the tables can't be created.
    """
    quiet_libraries()
    feedback = FeedbackJob(FeedbackProfile.load(settings.feedback_profile), settings.feedback, settings.max_text_chars)
    kinds: dict[str, JobKind] = {feedback.name: feedback}
    tables = table_service(settings.tables)
    blobs = blob_service(settings.blobs)
    store = TableJobStore(tables)
    payloads = PayloadStore(
        BlobContainer(blobs, PAYLOAD_CONTAINER), BlobContainer(blobs, CLAIM_CHECK_CONTAINER), settings.max_body_bytes
    )
    sender = ServiceBusMessageSender(settings.service_bus)
    publisher = Publisher(store, payloads, sender, kinds, _now)
    intake = Intake(store, payloads, publisher, kinds, _now)

    async def close() -> None:
        await sender.close()
        await blobs.close()
        await tables.close()

    try:
        await store.prepare()
    except BaseException:
        await close()
        raise
    return Backend(
        settings=settings,
        kinds=kinds,
        store=store,
        payloads=payloads,
        sender=sender,
        publisher=publisher,
        intake=intake,
        failed_jobs=FailedJobs(store, payloads, publisher, intake, kinds, _now),
        close=close,
    )


async def build(settings: Settings) -> Services:
    """Everything that the triggers need.

    Raises:
        ConfigurationError: a setting or the feedback profile is wrong.
        StorageError: the tables can't be created.
    """
    model = _model(settings)
    backend = await connect(settings)
    policy = RetryPolicy(max_attempts=settings.max_attempts, base_s=2.0)

    async def close() -> None:
        await model.aclose()
        await backend.close()

    return Services(
        intake=backend.intake,
        runner=JobRunner(backend.store, backend.payloads, backend.publisher, backend.kinds, model, policy, _now),
        failed_jobs=backend.failed_jobs,
        close=close,
    )


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
    if _building is None or (_building.done() and (_building.cancelled() or _building.exception())):
        _building = asyncio.ensure_future(build(Settings.from_env()))
    return await asyncio.shield(_building)


def _now() -> datetime:
    return datetime.now(UTC)
