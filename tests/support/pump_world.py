"""One deployment's pump on real tables: its orchestration, its counter and its workers played by the test."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from azure.data.tables.aio import TableServiceClient

from shared.config import Queues
from shared.errors import StorageError
from shared.jobs.call_reports import CallReport, CallReports
from shared.jobs.pending import PENDING_TABLE, PendingTable
from shared.jobs.publisher import Publisher
from shared.jobs.pump import Pump, PumpParts
from shared.jobs.pump_row import PumpRow
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.record import JobRecord, row_key
from shared.jobs.store import TableJobStore
from shared.messages import Envelope, RunTicket
from shared.quota.admission import Admission
from shared.quota.limits import Limits
from shared.quota.pump_state import PumpState
from shared.quota.slow_start import SlowStart
from shared.quota.token_counter import apply
from shared.storage.payloads import Payload, PayloadStore
from shared.storage.server_clock import ServerClock
from tests.support.memory import MemoryBlobs, MemorySender

START_S = 1_790_000_000.0


async def nobody(instance: str, event: str, data: dict[str, Any]) -> None:
    raise AssertionError("no orchestration waits")


class Fuse:
    """Fails one call of a port: the first, the second, ... of all that go through it. Never, until it is armed."""

    def __init__(self) -> None:
        self.left = -1
        self.passed = 0

    def arm(self, after: int) -> None:
        """Let so many more calls through, then fail one."""
        self.left, self.passed = after, 0

    def check(self) -> None:
        self.passed += 1
        self.left -= 1
        if self.left == -1:
            raise StorageError("The process dies here.")


class _Fused:
    """A port whose every call goes through a fuse."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._fuse.check()
            return await method(*args, **kwargs)

        return call


class _Kind:
    name = "stub"
    queues = Queues("in", "run", "out")


class PumpWorld:
    """Attributes:

    now_s: the clock of everybody.
    counter: the token counter's state.
    fuse: of everything that the pump's steps do outside.
    """

    def __init__(self, tables: TableServiceClient, deployment: str, limits: Limits) -> None:
        self.now_s = START_S
        self.deployment = deployment
        self.limits = limits
        self.counter: Any = None
        self.fuse = Fuse()
        self.sender = MemorySender(["run", "out"])
        self.store = TableJobStore(tables)
        self.pending = PendingTable(tables)
        self.reports = CallReports(tables, deployment)
        self.row = PumpRow(tables, deployment)
        self.queue = QuotaQueue(self.pending, deployment, limits)
        self._table = tables.get_table_client(PENDING_TABLE)
        kinds: dict[str, Any] = {"stub": _Kind()}
        payloads = PayloadStore(MemoryBlobs(), MemoryBlobs(), max_bytes=100_000)
        publisher = Publisher(self.store, payloads, self.sender, kinds, self.now)
        fused: Any = {
            "pending": _Fused(self.pending, self.fuse),
            "reports": _Fused(self.reports, self.fuse),
            "row": _Fused(self.row, self.fuse),
            "sender": _Fused(self.sender, self.fuse),
            "publisher": publisher,
            "store": self.store,
        }
        clock = ServerClock(_no_touch, lambda: self.now_s)
        self.pump = Pump(
            deployment, Admission(deployment, limits.as_dict()), PumpParts(**fused, kinds=kinds, clock=clock)
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)

    async def prepare(self) -> None:
        await self.store.prepare()

    async def warm(self) -> None:
        """Have the pump know that workers are up."""
        warm = PumpState(slow_start=SlowStart(last_start_s=self.now_s)).as_dict()
        await self.row.save({"policy": warm, "outstanding": {}})

    async def add(self, *job_ids: str, tokens: int = 1000, app: str | None = "shop", due_in_s: float = 0) -> None:
        """Line jobs up. Ids are made unique by the deployment."""
        for job_id in job_ids:
            envelope = Envelope(self.full(job_id), app_id=app)
            record = JobRecord.new("stub", envelope, Payload(0, "", inline=""), self.now(), tokens)
            if due_in_s:
                record = record.changed(self.now(), not_before=datetime.fromtimestamp(self.now_s + due_in_s, UTC))
            await self.store.add(record)
            await self.queue.enqueue([record])

    def full(self, job_id: str) -> str:
        return f"{self.deployment}|{job_id}"

    async def record(self, job_id: str) -> JobRecord:
        found = await self.store.get("stub", self.full(job_id))
        assert found is not None
        return found

    async def plan(self) -> dict[str, Any]:
        """The first activity, its answer through the history."""
        planned: dict[str, Any] = json.loads(json.dumps(await self.pump.plan()))
        return planned

    def book(self, planned: Mapping[str, Any]) -> dict[str, Any] | None:
        """The entity's part, as the orchestration asks for it."""
        for payload in planned["throttled"]:
            self.operate("throttled", payload)
        if planned["payload"] is None:
            return None
        return self.operate("book", planned["payload"])

    def operate(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        state, answer = apply(self.counter, operation, dict(payload), self.now_s)
        self.counter = json.loads(json.dumps(state))
        return dict(json.loads(json.dumps(answer)))

    async def cycle(self) -> float | None:
        """All of one cycle. Returns the pause before the next one, or None."""
        planned = await self.plan()
        return await self.pump.send(planned, self.book(planned), nobody)

    async def cycles(self, limit: int = 60) -> int:
        """Cycles until the pump ends, time passing. Returns how many."""
        for number in range(1, limit + 1):
            pause_s = await self.cycle()
            if pause_s is None:
                return number
            self.now_s += pause_s
        raise AssertionError("the pump never ends")

    def sent(self) -> list[RunTicket]:
        """What the run queue got, duplicates dropped as the broker does."""
        return [RunTicket.decode(message.body.encode()) for message in self.sender.queues["run"]]

    def sent_ids(self) -> Counter[str]:
        return Counter(ticket.job_id.rpartition("|")[2] for ticket in self.sent())

    async def report(self, ticket: RunTicket, *, sent: bool = True, answered: bool = False) -> None:
        """What a run tells of its call."""
        report = CallReport(ticket.start_s, ticket.tokens, ticket.epoch, sent_s=ticket.start_s + 0.1 if sent else None)
        if answered:
            report = replace(report, answered=True, prompt_tokens=70, completion_tokens=30)
        await self.reports.put(ticket, report)

    async def rows(self) -> dict[str, dict[str, Any]]:
        """All rows of the deployment by key, but for that of the clock."""
        query = self._table.query_entities("PartitionKey eq @pk", parameters={"pk": row_key(self.deployment)})
        return {row["RowKey"]: dict(row) async for row in query}

    def status(self) -> dict[str, Any]:
        return self.operate("status", {"id": "status"})


async def _no_touch() -> str:
    return ""
