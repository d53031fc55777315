"""A backend of a test's own on real tables and blobs. Nothing is sent, so there is no Service Bus."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from shared.bootstrap import CLAIM_CHECK_CONTAINER, PAYLOAD_CONTAINER, Backend, connect
from shared.config import Settings
from shared.errors import AbandonedJobError
from shared.jobs.pending import PENDING_TABLE
from shared.jobs.record import JobRecord, JobState
from shared.jobs.retention import Purged, Retention
from shared.jobs.store import FAILURES_TABLE, JOBS_TABLE
from shared.messages import Envelope
from tests.support.azurite import Azurite, azurite

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=40)
DEPLOYMENT = "gpt"


class NoHistory:
    """No orchestration ever ran."""

    async def purge(self, before: datetime) -> int:
        return 0


@dataclass
class Kept:
    """Everything that storage holds: keys of rows, names of blobs."""

    jobs: set[str]
    failures: set[str]
    calls: set[str]
    blobs: set[str]
    claims: set[str]


class Storage:
    """The backend, and hands to fill it and to look into it."""

    def __init__(self, backend: Backend, tables: TableServiceClient, blobs: BlobServiceClient) -> None:
        self.backend = backend
        self.tables = tables
        self.blobs = blobs
        self._partitions: set[str] = set()

    async def job(
        self, job_id: str, state: JobState = JobState.SUCCEEDED, at: datetime = OLD, body: bytes = b"{}", **changes: Any
    ) -> JobRecord:
        """A job as intake and publisher leave it, that last changed at this time."""
        payload = await self.backend.payloads.keep(f"{JobRecord.prefix('feedback', job_id)}/body", body)
        record = JobRecord.new("feedback", Envelope(job_id, app_id="shop"), payload, at)
        if state is JobState.FAILED:
            record = await self.backend.publisher.failed(record, AbandonedJobError())
        changes = {"state": state, "published_at": at if state.final else None, **changes}
        stored = await self.backend.store.add(record.changed(at, **changes))
        assert stored is not None
        self._partitions.add(stored.to_row()["PartitionKey"])
        return stored

    async def kept(self) -> Kept:
        """What is there."""
        rows = []
        for name in (JOBS_TABLE, FAILURES_TABLE, PENDING_TABLE):
            table = self.tables.get_table_client(name)
            rows.append({row["RowKey"] async for row in table.list_entities()})
        names = []
        for name in (PAYLOAD_CONTAINER, CLAIM_CHECK_CONTAINER):
            container = self.blobs.get_container_client(name)
            exists = await container.exists()
            names.append({blob.name async for blob in container.list_blobs()} if exists else set())
        return Kept(*rows, *names)

    def retention(self, days: float = 0.0, *, whole: bool = False) -> Retention:
        """As it is or, some days from now, will be: blobs are as old as they are.

        Args:
            whole: with all of the hundreds of partitions of jobs, which takes seconds, rather than those that had one.
        """
        built = self.backend.retention
        names = {f"jobs {partition}" for partition in self._partitions}
        sweeps = [sweep for sweep in built._sweeps if whole or sweep.what != "jobs" or sweep.name in names]
        now = built._now if days == 0 else lambda: NOW + timedelta(days=days)
        return Retention(sweeps, built._bookmark, built._keep, 600, now)

    async def purge(self, days: float = 0.0, *, whole: bool = False) -> Purged:
        """One night. See `retention`."""
        return await self.retention(days, whole=whole).run(NoHistory())


@pytest.fixture(scope="package")
def azurite_of_its_own() -> Iterator[Azurite]:
    with azurite() as running:
        yield running


@pytest.fixture
async def storage(azurite_of_its_own: Azurite) -> AsyncIterator[Storage]:
    """With nothing in it."""
    connection = azurite_of_its_own.connection_string
    env = {
        "AzureWebJobsStorage": connection,
        "ServiceBusConnection": "Endpoint=sb://none;SharedAccessKeyName=n;SharedAccessKey=k",
        "AZURE_OPENAI_DEPLOYMENT_NAME": DEPLOYMENT,
    }
    async with (
        TableServiceClient.from_connection_string(connection) as tables,
        BlobServiceClient.from_connection_string(connection) as blobs,
    ):
        async for table in tables.list_tables():
            await tables.delete_table(table.name)
        async for container in blobs.list_containers():
            await blobs.delete_container(container.name)
        backend = await connect(Settings.from_env(env))
        yield Storage(backend, tables, blobs)
        await backend.close()
