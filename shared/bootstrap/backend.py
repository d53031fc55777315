"""Job store, payloads and queues: what the command line needs, and the app besides."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.bootstrap.kinds import (
    CLAIM_CHECK_CONTAINER,
    PAYLOAD_CONTAINER,
    SENT_CONTAINER,
    TRANSCRIPT_CONTAINER,
    feedback_kind,
    lines_of,
    quota_queues,
    stepwise_kinds,
)
from shared.bootstrap.runs import RunNeeds, Runs, part_store, runs_of
from shared.config import Settings, webhook_queue
from shared.jobs.failures import FailedJobs
from shared.jobs.forget import Forgetting
from shared.jobs.intake import Intake
from shared.jobs.job_list import JobList
from shared.jobs.kinds import JobKind, Kind
from shared.jobs.lines import Line
from shared.jobs.list_entry import partitions as list_partitions
from shared.jobs.list_sweep import CountsFold, ListSweep
from shared.jobs.pending import PendingTable
from shared.jobs.publisher import Publisher
from shared.jobs.record import JobState, partitions
from shared.jobs.retention import BookmarkRow, Retention, Sweep
from shared.jobs.steps import StepwiseKind
from shared.jobs.store import JOBS_TABLE, JobStore, TableJobStore
from shared.jobs.sweeps import BlobSweep, CallSweep, FailureSweep, JobSweep, keep_claim_check, keep_payload
from shared.messaging.sender import MessageSender, ServiceBusMessageSender
from shared.runs.store import RunStore
from shared.runs.sweep import RunSweep
from shared.storage.azure import BlobContainer, blob_service, table_service
from shared.storage.payloads import PayloadStore
from shared.telemetry.events import quiet_libraries

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient


@dataclass(frozen=True)
class Backend:
    """Job store, payloads and queues, and what can be done with them without calling a model.

    Attributes:
        kinds: of all jobs; `single` are those of one call, `stepwise` those of several.
        lines: where jobs line up, by kind.
        own_blobs: the container of payloads.
    """

    settings: Settings
    kinds: Mapping[str, Kind]
    single: Mapping[str, JobKind]
    stepwise: Mapping[str, StepwiseKind]
    tables: "TableServiceClient"
    store: JobStore
    job_list: JobList
    pending: PendingTable
    lines: Mapping[str, Line]
    blobs: "BlobServiceClient"
    own_blobs: BlobContainer
    payloads: PayloadStore
    sender: MessageSender
    publisher: Publisher
    intake: Intake
    failed_jobs: FailedJobs
    forgetting: Forgetting
    retention: Retention
    runs: Runs
    close: Callable[[], Awaitable[None]]


async def connect(settings: Settings) -> Backend:
    """Connect to storage and Service Bus. Clients belong to the running event loop.

    Raises:
        ConfigurationError: a setting or the feedback profile is wrong.
        StorageError: the tables can't be created.
    """
    quiet_libraries()
    tables = table_service(settings.tables)
    blobs = blob_service(settings.blobs)
    job_list = JobList(tables)
    store = TableJobStore(tables, job_list)
    pending = PendingTable(tables)
    own, claim_checks = BlobContainer(blobs, PAYLOAD_CONTAINER), BlobContainer(blobs, CLAIM_CHECK_CONTAINER)
    audio = [BlobContainer(blobs, name) for name in (TRANSCRIPT_CONTAINER, SENT_CONTAINER)]
    payloads = PayloadStore(own, claim_checks, settings.max_body_bytes, audio)
    sender = ServiceBusMessageSender(settings.service_bus)
    feedback = feedback_kind(settings)
    single: dict[str, JobKind] = {feedback.name: feedback}
    stepwise = stepwise_kinds(settings, blobs, feedback)
    kinds: dict[str, Kind] = {**single, **stepwise}
    lines = lines_of(single, stepwise, quota_queues(settings, pending), sender)
    publisher = Publisher(store, payloads, sender, kinds, now, webhook_queue())
    intake = Intake(store, payloads, publisher, lines, kinds, now)
    run_store = RunStore(tables)
    failed_jobs = FailedJobs(store, payloads, publisher, intake, lines, kinds, now, run_store.mark)
    keep = settings.retention
    retention = Retention(
        [
            *_sweeps(tables, store, job_list, own, claim_checks, audio, kinds),
            RunSweep(run_store, part_store(blobs)),
        ],
        BookmarkRow(tables),
        timedelta(days=keep.days) if keep.days else None,
        keep.minutes * 60,
        now,
    )

    async def close() -> None:
        await job_list.writer.close()
        await sender.close()
        await blobs.close()
        await tables.close()

    try:
        await store.prepare()
        await pending.prepare()
        await run_store.prepare()
    except BaseException:
        await close()
        raise
    return Backend(
        settings=settings,
        kinds=kinds,
        single=single,
        stepwise=stepwise,
        tables=tables,
        store=store,
        job_list=job_list,
        pending=pending,
        lines=lines,
        blobs=blobs,
        own_blobs=own,
        payloads=payloads,
        sender=sender,
        publisher=publisher,
        intake=intake,
        failed_jobs=failed_jobs,
        forgetting=Forgetting(store, payloads, pending),
        retention=retention,
        runs=runs_of(
            run_store,
            RunNeeds(
                settings, tables, blobs, store, pending, payloads, publisher, sender, failed_jobs, lines, kinds, single
            ),
        ),
        close=close,
    )


def _sweeps(
    tables: "TableServiceClient",
    store: JobStore,
    job_list: JobList,
    own: BlobContainer,
    claim_checks: BlobContainer,
    audio: Iterable[BlobContainer],
    kinds: Iterable[str],
) -> list[Sweep]:
    """What retention looks through, in its order: rows before what is found by their absence."""
    rows = tables.get_table_client(JOBS_TABLE)  # one for all partitions: each costs time to make
    sweeps: list[Sweep] = []
    for kind in kinds:
        sweeps += [JobSweep(rows, claim_checks, job_list, partition) for partition in partitions(kind)]
        sweeps.append(FailureSweep(tables, kind))
        sweeps.append(BlobSweep(own, kind, store, "blobs", keep_payload))
        sweeps.append(BlobSweep(claim_checks, kind, store, "claim_checks", keep_claim_check))
        for part in list_partitions(kind):
            sweeps += [ListSweep(store, job_list, kind, part, state) for state in JobState]
            sweeps.append(CountsFold(tables, part, now))
    sweeps += [BlobSweep(container, "audio", store, container.name, keep_payload) for container in audio]
    return [*sweeps, CallSweep(tables, store)]


def now() -> datetime:
    """The clock of everything that needs no more than this."""
    return datetime.now(UTC)
