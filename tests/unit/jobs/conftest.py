"""A job system in memory: the real intake, runner and publisher over doubles at the borders."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.config import Queues
from shared.jobs.booked_calls import BookedCalls
from shared.jobs.failures import FailedJobs
from shared.jobs.intake import Delivery, Intake
from shared.jobs.kinds import Draft
from shared.jobs.publisher import Publisher
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.record import JobRecord
from shared.jobs.runner import JobRunner
from shared.messages import Envelope, FeedbackRequest, RunTicket
from shared.model.client import Completion, ModelClient, Usage
from shared.quota.limits import Limits
from shared.resilience.retry import RetryPolicy
from shared.storage.payloads import PayloadStore
from shared.storage.server_clock import ServerClock
from tests.support.memory import MemoryBlobs, MemoryJobStore, MemoryPending, MemoryReports, MemorySender

TPM = 5_000
MAX_THROTTLES = 10


class StubModel:
    """Answers every call alike."""

    async def chat_completion(self, *args: Any, **kwargs: Any) -> Completion:
        if kwargs.get("before_send"):
            kwargs["before_send"]()
        return Completion("{}", "stub", "stop", Usage(7, 3))


@dataclass
class StubKind:
    """A kind of job whose runs do what the test says: one entry of `script` each, then succeed."""

    queues: Queues
    name: str = "stub"
    script: list[Exception | Callable[[], None]] = field(default_factory=list)
    drafts: list[Draft | None] = field(default_factory=list)

    def decode(self, body: bytes) -> FeedbackRequest:
        return FeedbackRequest.decode(body, 1000)

    def estimate(self, request: FeedbackRequest, draft: Draft | None = None) -> int:
        return len(request.text) + (0 if draft is None else len(draft.output))

    async def run(self, request: FeedbackRequest, *, model: ModelClient, draft: Draft | None = None) -> dict[str, Any]:
        self.drafts.append(draft)
        await model.chat_completion([])
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            step()
        return {"echo": request.text}


@dataclass
class System:
    """Everything, with handles for the test."""

    store: MemoryJobStore
    blobs: MemoryBlobs
    claims: MemoryBlobs
    sender: MemorySender
    pending: MemoryPending
    reports: MemoryReports
    kind: StubKind
    intake: Intake
    runner: JobRunner
    failed_jobs: FailedJobs
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    slept_s: list[float] = field(default_factory=list)

    async def send(self, body: object, job_id: str = "j1", **envelope: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.intake.accept("stub", [Delivery(Envelope(job_id, **envelope), data)])

    async def run_all(self, limit: int = 50) -> int:
        """Deliver run messages until the queue is empty; each exactly once. Returns how many."""
        count = 0
        while self.sender.queues["run"]:
            message = self.sender.queues["run"].pop(0)
            await self.runner.run(RunTicket.decode(message.body.encode()))
            count += 1
            assert count <= limit, "the job never ends"
        return count

    def record(self, job_id: str = "j1") -> JobRecord:
        return self.store.rows["stub", job_id]

    def ticket(self, job_id: str = "j1") -> RunTicket:
        """The one that lets the job's next call be made."""
        record = self.record(job_id)
        return RunTicket(record.kind, record.job_id, record.attempt, record.booking)

    @property
    def published(self) -> list[dict[str, Any]]:
        return [json.loads(m.body) for m in self.sender.queues["out"]]


@pytest.fixture
def system() -> System:
    store, blobs, claims = MemoryJobStore(), MemoryBlobs(), MemoryBlobs()
    sender = MemorySender(["run", "out", "replies"])
    kind = StubKind(Queues("in", "run", "out"))
    kinds = {"stub": kind}
    payloads = PayloadStore(blobs, claims, max_bytes=100_000)

    def clock() -> datetime:
        built.now += timedelta(milliseconds=1)
        return built.now

    publisher = Publisher(store, payloads, sender, kinds, clock)
    pending, reports = MemoryPending(sender, "run"), MemoryReports()
    queue = QuotaQueue(pending, "gpt", Limits(tpm=TPM, rpm=600))
    intake = Intake(store, payloads, publisher, {"stub": queue}, kinds, clock)
    policy = RetryPolicy(max_attempts=5)

    async def sleep(delay_s: float) -> None:
        built.slept_s.append(delay_s)
        built.now += timedelta(seconds=delay_s)

    server_clock = ServerClock(pending.touch, lambda: built.now.timestamp())
    calls = BookedCalls(reports, server_clock, sleep)
    runner = JobRunner(store, payloads, publisher, kinds, StubModel(), queue, calls, policy, MAX_THROTTLES, clock)
    failed_jobs = FailedJobs(store, payloads, publisher, intake, {"stub": queue}, kinds, clock)
    built = System(store, blobs, claims, sender, pending, reports, kind, intake, runner, failed_jobs)
    random.seed(1)
    return built
