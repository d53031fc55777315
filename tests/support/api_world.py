"""The HTTP API over doubles: two kinds of jobs, one of one call and one of several, and a hand to call endpoints."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.config import Queues
from shared.config_http import HttpAuth, HttpSettings
from shared.http_api.endpoint import Endpoint
from shared.http_api.failures import ErrorsApi
from shared.http_api.jobs import JobsApi, JobsParts
from shared.http_api.messages import Call, Request, Response
from shared.http_api.pipeline import Handler, Pipeline
from shared.jobs.cancellation import Cancellation
from shared.jobs.failures import FailedJobs
from shared.jobs.finder import JobFinder
from shared.jobs.intake import Delivery, Intake
from shared.jobs.job_list import Listed, ListQuery
from shared.jobs.lines import RunLine
from shared.jobs.list_entry import ListEntry, position
from shared.jobs.publisher import Publisher
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.record import JobRecord, JobState
from shared.jobs.submission import Submissions
from shared.messages import Envelope, FeedbackRequest
from shared.quota.limits import Limits
from shared.security.authentication import Authenticator
from shared.security.outbound import AllowedTargets
from shared.security.tokens import TokenManager
from shared.storage.payloads import PayloadStore
from tests.support.memory import MemoryBlobs, MemoryJobStore, MemoryPending, MemorySender

SECRET = "s" * 32
TPM = 5_000
ALL = ("Sluice.Submit", "Sluice.Read")


class PlainKind:
    """A kind of job whose body is feedback."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.queues = Queues(f"{name}-in", f"{name}-run", f"{name}-out")

    def decode(self, body: bytes) -> FeedbackRequest:
        return FeedbackRequest.decode(body, 300_000)

    def estimate(self, request: FeedbackRequest) -> int:
        return 6_000 if "oversized" in request.text else 10


class MemoryJobList:
    """A JobList over the rows themselves, with entries that a test may make wrong."""

    def __init__(self, store: MemoryJobStore) -> None:
        self._store = store
        self.writer = self
        self.wrong: dict[tuple[str, str], JobState] = {}
        self.settled: list[tuple[str, JobState | None]] = []

    async def page(self, query: ListQuery, most: int) -> list[Listed]:
        found = []
        for record in self._store.rows.values():
            entry = ListEntry.of(record)
            state = self.wrong.get((record.kind, record.job_id), record.state)
            listed = Listed(position(entry.created_ms, entry.digest), entry, state)
            if (
                record.kind in query.kinds
                and state in query.states
                and (query.apps is None or record.app_id in query.apps)
                and (query.since is None or record.created_at >= query.since)
                and listed.position > (query.after or "")
            ):
                found.append(listed)
        return sorted(found, key=lambda one: one.position)[:most]

    async def settle(self, entry: ListEntry, state: JobState | None) -> None:
        self.settled.append((entry.job_id, state))
        self.wrong.pop((entry.kind, entry.job_id), None)


class RecordingOrchestrations:
    """Orchestrations that are written down."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.ended: list[str] = []

    async def wake(self, kind: str) -> None:
        self.woken.append(kind)

    async def end(self, record: JobRecord) -> None:
        self.ended.append(record.job_id)


class ApiWorld:
    """Kinds are `quick` (one call) and `deep` (several)."""

    def __init__(self, **settings: Any) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.slept_s: list[float] = []
        self.on_sleep: list[Any] = []
        self.store, self.blobs, self.claims = MemoryJobStore(), MemoryBlobs(), MemoryBlobs()
        self.kinds = {name: PlainKind(name) for name in ("quick", "deep")}
        queues = [
            queue for kind in self.kinds.values() for queue in (kind.queues.inbox, kind.queues.run, kind.queues.outbox)
        ]
        self.sender = MemorySender([*queues, "webhooks"])
        kinds: Any = self.kinds
        payloads = PayloadStore(self.blobs, self.claims, max_bytes=1_000_000)
        self.publisher = Publisher(self.store, payloads, self.sender, kinds, self.clock, "webhooks")
        self.targets = AllowedTargets(["hooks.example.com", "*.apps.example.com", "other.example.com:8443"])
        self.pending = MemoryPending(self.sender, "quick-run")
        queue = QuotaQueue(self.pending, "gpt", Limits(tpm=TPM, rpm=600))
        lines = {"quick": queue, "deep": RunLine(self.sender, "deep-run", queue)}
        self.intake = Intake(self.store, payloads, self.publisher, lines, kinds, self.clock)
        self.failed_jobs = FailedJobs(self.store, payloads, self.publisher, self.intake, lines, kinds, self.clock)
        self.list = MemoryJobList(self.store)
        job_list: Any = self.list
        self.jobs = JobsApi(
            JobsParts(
                kinds=kinds,
                finder=JobFinder(self.store, job_list, self.clock),
                submissions=Submissions(self.intake, payloads, self.sender, self.clock),
                failed_jobs=self.failed_jobs,
                cancellation=Cancellation(self.store, self.publisher, lines, {"deep"}),
                targets=self.targets,
                sleep=self._sleep,
                monotonic=lambda: self.now.timestamp(),
            )
        )
        self.errors = ErrorsApi(kinds, self.store, self.failed_jobs)
        self.durable = RecordingOrchestrations()
        given = HttpSettings(
            **{"auth": HttpAuth.ENTRA, "dev_secret": SECRET, "app_claim": "apps", "rate_per_minute": 0, **settings}
        )
        self.pipeline = Pipeline(given, Authenticator(given, None), None)

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    async def _sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self.now += timedelta(seconds=delay_s)
        if self.on_sleep:
            await self.on_sleep.pop(0)()

    async def call(
        self,
        endpoint: Endpoint,
        handler: Any,
        *,
        body: bytes | object = b"",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        roles: Sequence[str] = ALL,
        apps: str | None = None,
        **params: str,
    ) -> Response:
        """Send a request through the pipeline. `apps`: those of the caller; None for one who may see all."""
        claims = {
            "user_id": "u1",
            "roles": [*roles, *([] if apps is not None else ["Sluice.Admin"])],
            "apps": apps or "",
        }
        given = {
            "authorization": f"Bearer {TokenManager(SECRET).create_access_token(claims)}",
            "content-type": "application/json",
            **{name.lower(): value for name, value in (headers or {}).items()},
        }
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(endpoint.method, f"https://app.example/api/{endpoint.route}", params, query or {}, given, raw)

        async def with_durable(call: Call) -> Response:
            found: Response = await handler(call, self.durable)
            return found

        answer: Handler = with_durable if endpoint.durable else handler
        return await self.pipeline.handle(endpoint, request, answer)

    async def add(self, job_id: str, kind: str = "quick", app_id: str | None = "shop", text: str = "a") -> JobRecord:
        """A pending job."""
        await self.intake.accept(kind, [Delivery(Envelope(job_id, app_id=app_id), json.dumps({"text": text}).encode())])
        return self.store.rows[kind, job_id]

    async def fail(self, job_id: str, kind: str = "quick", app_id: str | None = "shop") -> JobRecord:
        """A job that failed at intake."""
        await self.intake.accept(kind, [Delivery(Envelope(job_id, app_id=app_id), b'{"text": ""}')])
        return self.store.rows[kind, job_id]

    async def succeed(self, job_id: str, kind: str = "quick", app_id: str | None = "shop") -> JobRecord:
        """A job that succeeded."""
        record = await self.add(job_id, kind, app_id)
        await self.publisher.end(await self.publisher.succeeded(record, {"answer": job_id}, "m"))
        return self.store.rows[kind, job_id]


def content(response: Response) -> Any:
    return json.loads(response.body)
