"""Runs on real tables and blobs, without a host: the test gives the turns, and ends the jobs.

Parts have 50 rows, and the window has room for two.
"""

import random
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient

from shared.bootstrap import Backend, connect
from shared.bootstrap import backend as backend_module
from shared.config import Connection, Settings
from shared.datasets.rows import InputRow
from shared.errors import ContentFilteredError
from shared.jobs.pending import PendingQueue
from shared.jobs.pending_call import PendingCall
from shared.jobs.record import JobRecord, JobState
from shared.messages import OutgoingMessage
from shared.runs import spooling
from shared.runs.mapping import ColumnMapping
from shared.runs.part_jobs import each
from shared.runs.rows import Spool
from shared.runs.spooling import RowCheck, Spooled
from shared.runs.store import Run
from tests.support.azurite import Azurite


class KilledError(Exception):
    """The process ends here."""


class KillTransport(AioHttpTransport):
    """Ends the process with one of its requests to the tables.

    Attributes:
        left: requests that it still may make; None for any number.
        done: whether storage still does what the last one asks.
    """

    left: int | None = None
    done = False

    async def send(self, request: Any, **options: Any) -> Any:
        if self.left is not None:
            self.left -= 1
            if self.left == -1 and self.done:
                await super().send(request, **options)
            if self.left < 0:
                raise KilledError
        return await super().send(request, **options)


class Sent:
    """A MessageSender that keeps what is sent."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, OutgoingMessage]] = []

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        self.messages += [(queue, message) for message in messages]

    async def close(self) -> None:
        """Nothing to do."""


class World:
    """A system whose jobs end when the test says so."""

    def __init__(self, system: Backend, sent: Sent, kill: KillTransport) -> None:
        self.system = system
        self.sent = sent
        self.kill = kill
        self.name = f"t-{secrets.token_hex(4)}"

    async def start(self, rows: int, *, stop_after: int | None = None, limit: int | None = None) -> Spool:
        """Read rows into the run, whose texts are `comment 1` and so on; every tenth is empty."""
        system = self.system
        now = system.runs.control.clock()
        wanted = Spool("feedback", "rows.csv", f"{rows} rows", now, now, ["text"], {"text": "text"}, app_id=self.name)
        spool = await system.runs.control.begin(self.name, wanted)
        check = RowCheck(system.kinds["feedback"], system.lines["feedback"], ColumnMapping({"text": "text"}))
        given = (InputRow(n, n + 1, {"text": "" if n % 10 == 0 else f"comment {n}"}) for n in range(1, rows + 1))
        parts = 0
        spooled: AsyncIterator[Spooled] = system.runs.spooler.spool(self.name, spool, given, check, limit=limit)
        async for found in spooled:
            spool = found.spool
            parts += 1
            if parts == stop_after:
                break
        return spool

    async def run(self) -> Run:
        return await self.system.runs.store.get(self.name)

    async def turn(self) -> Run:
        """One turn of the conductor, whoever had begun one before."""
        run = await self.run()
        if run.head.claimed_at is not None:
            await self.system.runs.store.save_head(self.name, replace(run.head, claimed_at=None))
        await self.system.runs.conductor.turn(self.name, (await self.run()).head.turn)
        return await self.run()

    async def records(self, states: Sequence[JobState] = ()) -> list[JobRecord]:
        """The jobs that there are."""
        run = await self.run()
        jobs = self.system.runs.jobs
        # One more part than is fed, as a turn may have been cut off before it said so.
        return [r for part in range(run.head.fed + 5) for r in await jobs.read("feedback", self.name, part, states)]

    async def end_jobs(
        self, records: Sequence[JobRecord], failing: float = 0.0, dice: random.Random | None = None
    ) -> None:
        """Let jobs end, as the pump and their runs would."""
        dice = dice or random.Random(1)
        publisher = self.system.publisher
        await self.system.pending.remove("gpt-4o-mini", [PendingCall.of(record).key for record in records])

        async def end(record: JobRecord) -> None:
            if dice.random() < failing:
                await publisher.end(await publisher.failed(record, ContentFilteredError("It was refused.")))
            else:
                billed = record.changed(record.updated_at, input_tokens=10, output_tokens=1)
                await publisher.end(await publisher.succeeded(billed, {"summary": "x"}, "model"))

        await each(records, end)  # side by side, as workers do

    async def waiting(self) -> set[str]:
        """The jobs of this run that are lined up."""
        return {call.job_id for queue in await self.heads() for call in queue.calls}

    async def heads(self) -> list[PendingQueue]:
        """Of the queues of this run's app."""
        queues = await self.system.pending.heads("gpt-4o-mini", self.system.runs.control.clock(), 100_000)
        return [queue for queue in queues if queue.app == self.name]


@pytest.fixture
async def world(shared_azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    sent, kill = Sent(), KillTransport(use_env_settings=False)

    def tables(connection: Connection) -> TableServiceClient:
        return TableServiceClient.from_connection_string(connection.connection_string or "", transport=kill)

    monkeypatch.setattr(backend_module, "table_service", tables)
    monkeypatch.setattr(spooling, "part_rows", lambda _: 50)
    monkeypatch.setattr(backend_module, "ServiceBusMessageSender", lambda _: sent)
    env = {
        "AzureWebJobsStorage": shared_azurite.connection_string,
        "ServiceBusConnection": "Endpoint=sb://nowhere",
        "AZURE_OPENAI_DEPLOYMENT_NAME": "gpt-4o-mini",
        "OPENAI_TOKEN_LIMIT_PER_MINUTE": "1000000",
        "SLUICE_RUN_WINDOW": "90",
    }
    system = await connect(Settings.from_env(env))
    try:
        yield World(system, sent, kill)
    finally:
        await system.close()
