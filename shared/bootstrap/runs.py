"""Runs: files of rows, conducted as jobs (shared/runs)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.config import DeploymentSettings, Settings
from shared.jobs.failures import FailedJobs
from shared.jobs.feedback_profile import FeedbackProfile
from shared.jobs.kinds import Kind
from shared.jobs.lines import Line
from shared.jobs.pending import PendingTable
from shared.jobs.publisher import Publisher
from shared.jobs.store import JobStore
from shared.messaging.sender import MessageSender
from shared.run_settings import Rates
from shared.runs.conductor import Conductor, ConductorParts
from shared.runs.control import RunControl
from shared.runs.mapping import ColumnMapping
from shared.runs.part_jobs import PartJobs
from shared.runs.parts import RUN_CONTAINER, PartStore
from shared.runs.reach import Reach
from shared.runs.reading import ReaderParts, UploadReader
from shared.runs.results import RunResults, result_fields
from shared.runs.spooling import RowCheck, Spooler
from shared.runs.store import RunStore
from shared.runs.uploads import Uploads
from shared.storage.azure import BlobContainer
from shared.storage.blob_file import BlobFiles
from shared.storage.blob_references import BlobReferences
from shared.storage.payloads import PayloadStore

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient

_FIELDS = {
    "reasoning": ["answer", "confidence", "verification", "steps", "evidence"],
    "audio": ["text", "text_blob", "language", "duration_s", "files", "analysis"],
}


@dataclass(frozen=True)
class Runs:
    """What can be done with runs."""

    store: RunStore
    files: PartStore
    control: RunControl
    spooler: Spooler
    conductor: Conductor
    results: RunResults
    jobs: PartJobs
    uploads: Uploads


@dataclass(frozen=True)
class RunNeeds:
    """What runs are built of."""

    settings: Settings
    tables: "TableServiceClient"
    blobs: "BlobServiceClient"
    store: JobStore
    pending: PendingTable
    payloads: PayloadStore
    publisher: Publisher
    sender: MessageSender
    failed_jobs: FailedJobs
    lines: Mapping[str, Line]
    kinds: Mapping[str, Kind]
    single: Mapping[str, Kind]


def part_store(blobs: "BlobServiceClient") -> PartStore:
    """Where the rows of files are kept."""
    return PartStore(BlobContainer(blobs, RUN_CONTAINER))


def runs_of(run_store: RunStore, needs: RunNeeds) -> Runs:
    """Put them together."""
    files = part_store(needs.blobs)
    jobs = PartJobs(needs.tables)
    control = RunControl(run_store, needs.sender, needs.settings.runs.turns_queue, _now)
    # Jobs of one call wait in their deployment's line; of those of several calls each step does.
    deployments = dict.fromkeys(needs.single, needs.settings.chat.openai.deployment or "")
    blobs = BlobFiles(needs.blobs)
    references = BlobReferences(needs.blobs.url, needs.settings.runs.containers, "SLUICE_RUN_CONTAINERS")

    def check_of(kind: str, mapping: ColumnMapping) -> RowCheck:
        return RowCheck(needs.kinds[kind], needs.lines[kind], mapping)

    stepwise = needs.kinds.keys() - needs.single.keys()
    reader = UploadReader(ReaderParts(run_store, files, blobs, references, check_of, stepwise, _now))
    uploads = Uploads(blobs, references, control, check_of, _now)
    reach = Reach(jobs, needs.store, needs.pending, needs.publisher, needs.lines, deployments, _now)
    conductor = Conductor(
        ConductorParts(
            runs=run_store,
            files=files,
            jobs=jobs,
            store=needs.store,
            payloads=needs.payloads,
            reach=reach,
            failed_jobs=needs.failed_jobs,
            reader=reader,
            windows={kind: needs.settings.runs.window_of(stepwise=kind in stepwise) for kind in needs.kinds},
            clock=_now,
        )
    )
    spooler = Spooler(run_store, files, _now, control.wake)
    results = RunResults(files, jobs, needs.payloads)
    return Runs(run_store, files, control, spooler, conductor, results, jobs, uploads)


def rates_of(settings: Settings, kind: str) -> Rates:
    """What jobs of a kind cost. The tokens of audio jobs are those of the analysis."""
    rates = rates_of_deployment(settings, settings.reasoner if kind == "reasoning" else settings.chat)
    if kind == "audio":
        return Rates(rates.tokens, rates_of_deployment(settings, settings.transcription).minute)
    return rates


def rates_of_deployment(settings: Settings, deployment: DeploymentSettings) -> Rates:
    """What a deployment's tokens and its minutes of recording cost."""
    model = deployment.openai.base_model or deployment.openai.deployment or ""
    return Rates(settings.runs.prices.get(model), settings.runs.minute_prices.get(model))


def result_columns(settings: Settings, kind: str) -> list[str]:
    """The fields of results that an export has as columns.

    Raises:
        ConfigurationError: the feedback profile is wrong.
    """
    if kind in _FIELDS:
        return _FIELDS[kind]
    return result_fields(FeedbackProfile.load(settings.feedback_profile).schema_checked)


def _now() -> datetime:
    return datetime.now(UTC)
