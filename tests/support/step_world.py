"""Jobs of several calls in memory: the real intake, rounds and calls, driven as the orchestration drives them."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from shared.config import Queues
from shared.errors import StorageError
from shared.jobs.booked_calls import BookedCalls
from shared.jobs.deployments import Deployment
from shared.jobs.intake import Delivery, Intake
from shared.jobs.kinds import Draft
from shared.jobs.lines import RunLine
from shared.jobs.publisher import Publisher
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.record import JobRecord
from shared.jobs.step_calls import StepCalled, StepCalls, StepOrder
from shared.jobs.step_outputs import StepOutputs
from shared.jobs.step_policy import Tried
from shared.jobs.steps import Outputs, Round, Step, StepJob
from shared.jobs.stepwise import StepwiseJobs, StepwiseParts
from shared.messages import Envelope, FeedbackRequest, RunTicket
from shared.model.client import Completion, ModelService, Usage
from shared.quota.limits import Limits
from shared.resilience.retry import RetryPolicy
from shared.storage.payloads import PayloadStore
from shared.storage.server_clock import ServerClock
from tests.support.memory import MemoryBlobs, MemoryJobStore, MemoryPending, MemoryReports, MemorySender

type Script = dict[str, list[Exception | Callable[[], None]]]


class CountingModel:
    """Answers every call alike."""

    async def chat_completion(self, *args: Any, **kwargs: Any) -> Completion:
        if kwargs.get("before_send"):
            kwargs["before_send"]()
        return Completion("{}", "stub-1", "stop", Usage(7, 3))


@dataclass
class TwoRounds:
    """First the parts `read-1`.., side by side; then `solve`, which needs them. `script` says what they do first."""

    parts: int = 2
    name: str = "stub"
    queues: Queues = field(default_factory=lambda: Queues("in", "run", "out"))
    deployment: str = "gpt"
    tokens: int = 100
    script: Script = field(default_factory=dict)
    called: Counter[str] = field(default_factory=Counter)
    drafts: list[Draft | None] = field(default_factory=list)

    def decode(self, body: bytes) -> FeedbackRequest:
        return FeedbackRequest.decode(body, 1000)

    def estimate(self, request: FeedbackRequest) -> int:
        return self.tokens

    async def prepare(self, job: StepJob) -> dict[str, Any] | None:
        self._act("prepare")
        return {"parts": self.parts}

    async def next_round(self, job: StepJob, outputs: Outputs) -> Round:
        self._act("round")
        total = outputs["prepare"]["parts"] + 1
        reads = tuple(Step(f"read-{n}", f"reading part {n}", self.tokens) for n in range(1, total))
        names = tuple(step.name for step in reads)
        if any(name not in outputs for name in names):
            return Round(reads, len(outputs) - 1, total)
        if "solve" not in outputs:
            return Round((Step("solve", "solving", self.tokens, needs=names),), self.parts, total)
        return Round((), total, total)

    async def run_step(
        self, job: StepJob, step: Step, outputs: Outputs, *, model: ModelService, draft: Draft | None = None
    ) -> dict[str, Any]:
        assert set(outputs) == set(step.needs)
        await model.chat_completion([])
        self.called[step.name] += 1
        self.drafts.append(draft)
        self._act(step.name)
        return {"text": f"{step.name} {job.request.text}"}

    async def finish(self, job: StepJob, outputs: Outputs) -> dict[str, Any]:
        self._act("finish")
        return {"answer": outputs["solve"]["text"], "parts": len(outputs) - 2}

    def _act(self, name: str) -> None:
        if self.script.get(name):
            step = self.script[name].pop(0)
            if isinstance(step, Exception):
                raise step
            step()


class StepWorld:
    """Attributes:

    fuse: which storage operation from now on fails; None for none.
    answer_lost: it is done all the same.
    throttled: what calls said of 429s.
    """

    def __init__(self, kind: TwoRounds | None = None, tpm: int = 5_000) -> None:
        self.kind = kind or TwoRounds()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.fuse: int | None = None
        self.answer_lost = False
        self.throttled: list[Any] = []
        self.store, self.blobs = _Fused(MemoryJobStore(), self), _Fused(MemoryBlobs(), self)
        self.sender = MemorySender(["run", "out"])
        self.reports = MemoryReports()
        store: Any = self.store
        blobs: Any = self.blobs
        kinds: Any = {self.kind.name: self.kind}
        payloads = PayloadStore(blobs, MemoryBlobs(), max_bytes=100_000)
        publisher = Publisher(store, payloads, self.sender, kinds, self._clock)
        queue = QuotaQueue(MemoryPending(self.sender, "run"), "gpt", Limits(tpm=tpm, rpm=600))
        lines = {self.kind.name: RunLine(self.sender, "run", queue)}
        self.intake = Intake(store, payloads, publisher, lines, kinds, self._clock)
        clock = ServerClock(self._touch, lambda: self.now.timestamp())
        nothing: Any = None
        model: Any = CountingModel()
        calls = BookedCalls(self.reports, clock)
        gpt = Deployment("gpt", Limits(tpm=tpm, rpm=600), queue, nothing, nothing, calls, model, clock)
        parts = StepwiseParts(
            store=store,
            payloads=payloads,
            publisher=publisher,
            outputs=StepOutputs(blobs),
            kinds=kinds,
            lines=lines,
            deployments={"gpt": gpt},
            policy=RetryPolicy(max_attempts=3),
            clock=self._clock,
        )
        self.jobs = StepwiseJobs(parts)
        self.calls = StepCalls(self.jobs, parts, max_throttles=3)

    async def send(self, text: str = "hello", job_id: str = "j1") -> None:
        body = json.dumps({"text": text}).encode()
        await self._again(lambda: self.intake.accept("stub", [Delivery(Envelope(job_id), body)]))

    async def run_all(self, limit: int = 100) -> None:
        """Deliver run messages and drive what they start, each again and again until storage lets it."""
        for _ in range(limit):
            if not self.sender.queues["run"]:
                return
            ticket = RunTicket.decode(self.sender.queues["run"].pop(0).body.encode())
            record = await self._again(partial(self.jobs.begin, ticket))
            if record is not None:
                await self.drive(record)
        raise AssertionError("the job never ends")

    async def drive(self, record: JobRecord) -> None:
        """As functions/steps.py."""
        key = ("stub", record.job_id, record.booking)
        for _ in range(20):
            found = await self._again(lambda: self.jobs.next_round(*key))
            if found is None:
                return
            for step in found["steps"]:
                await self._step(key, step)
        raise AssertionError("the rounds never end")

    async def _step(self, key: tuple[str, str, int], raw: dict[str, Any]) -> None:
        tried: Tried | None = Tried()
        while tried is not None:
            request = {"kind": key[0], "job_id": key[1], "booking": key[2], "step": raw, "tried": asdict(tried)}
            ticket = RunTicket(key[0], key[1], 1, 1)
            order = StepOrder.from_dict(json.loads(json.dumps(request)))
            called: StepCalled = await self._again(partial(self.calls.call, ticket, order))
            if called.throttled:
                self.throttled.append(called.throttled)
            tried = called.again

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        return [json.loads(m.body) for m in self.sender.queues["out"]]

    def record(self, job_id: str = "j1") -> JobRecord:
        found: JobRecord = self.store.port.rows["stub", job_id]
        return found

    async def _again(self, action: Callable[[], Any]) -> Any:
        for _ in range(200):
            try:
                return await action()
            except StorageError:
                self.fuse = None
        raise AssertionError("it never works")

    def _clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    async def _touch(self) -> str:
        return ""


class _Fused:
    """Any port whose operations fail when the world's fuse has burnt down."""

    def __init__(self, port: Any, world: StepWorld) -> None:
        self.port = port
        self._world = world

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.port, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self._world.fuse is not None:
                self._world.fuse -= 1
                if self._world.fuse == 0:
                    if self._world.answer_lost:
                        await method(*args, **kwargs)
                    raise StorageError("Storage is away.")
            return await method(*args, **kwargs)

        return call
