"""The endpoints of jobs: submit, look at, list, run again, cancel."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, unquote, urlencode

from shared.http_api.errors import HttpError, ResourceNotFoundError
from shared.http_api.job_views import etag_of, job_url, job_view, matches
from shared.http_api.messages import JSON, Call, Response
from shared.http_api.query import ParameterError, Query, cursor_of
from shared.http_api.responses import APIResponse
from shared.http_api.submissions import BatchError, submissions_in
from shared.jobs.cancellation import Cancellation
from shared.jobs.failures import FailedJobs
from shared.jobs.finder import JobFinder
from shared.jobs.job_list import ListQuery
from shared.jobs.kinds import Kind
from shared.jobs.record import JobRecord, JobState
from shared.jobs.submission import RefusedError, Submissions
from shared.security.outbound import AllowedTargets

RETRY_S = 2
LONGEST_WAIT_S = 30
_POLL_S = (0.2, 1.0)
_MOST_APPS = 20


class Orchestrations(Protocol):
    """What durable functions do for the API."""

    async def wake(self, kind: str) -> None:
        """Calls of this kind were lined up."""
        ...

    async def end(self, record: JobRecord) -> None:
        """End the orchestration of a job of several calls, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class JobsParts:
    """What the endpoints work with."""

    kinds: Mapping[str, Kind]
    finder: JobFinder
    submissions: Submissions
    failed_jobs: FailedJobs
    cancellation: Cancellation
    targets: AllowedTargets
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic


class JobsApi:
    """Answers calls about jobs. Jobs of apps that a caller may not see don't exist for them."""

    def __init__(self, parts: JobsParts) -> None:
        self._parts = parts

    async def submit(self, call: Call, durable: Orchestrations) -> Response:
        """Take one job, or a batch."""
        kind = self._kind(call.request.params["kind"])
        found, batch = submissions_in(call, kind.name, self._parts.targets)
        try:
            records = await self._parts.submissions.submit(kind, found)
        except RefusedError as error:
            if not batch:
                raise error.refused[0].error from None
            raise BatchError(list(error.refused)) from None
        await durable.wake(kind.name)
        about = f"jobs={len(records)} first={records[0].job_id}"
        if batch:
            response = APIResponse.success({"jobs": [job_view(record) for record in records]}, status=202)
            return _with(response, {"Retry-After": str(RETRY_S)}, about)
        headers = {"Location": job_url(records[0]), "Retry-After": str(RETRY_S)}
        return _with(APIResponse.success(job_view(records[0]), status=202), headers, about)

    async def get(self, call: Call) -> Response:
        """One job; with `wait` when it has ended, or changed from what If-None-Match names."""
        query = Query(call.request.query, ("kind", "wait"))
        wait_s = query.number("wait", 0, 0, LONGEST_WAIT_S)
        known = call.request.headers.get("if-none-match", "")
        record = await self._job(call, query)
        until_s = self._parts.monotonic() + wait_s
        pause_s, longest_s = _POLL_S
        while not record.state.final and (not known or matches(known, etag_of(record))):
            left_s = until_s - self._parts.monotonic()
            if left_s <= 0:
                break
            await self._parts.sleep(min(pause_s, left_s))
            pause_s = min(longest_s, 1.5 * pause_s)
            record = await self._job(call, query)
        headers = {"ETag": etag_of(record), "Cache-Control": "no-cache"}
        if not record.state.final:
            headers["Retry-After"] = str(RETRY_S)
        if known and matches(known, headers["ETag"]):
            return Response(304, headers=headers)
        return APIResponse.success(job_view(record), headers=headers)

    async def page(self, call: Call) -> Response:
        """A page of jobs, newest first."""
        names = ("kind", "status", "app", "since", "limit", "cursor")
        query = Query(call.request.query, names)
        kind, status = query.choice("kind", self._parts.kinds), query.choice("status", JobState)
        limit = query.number("limit", 50, 1, 100)
        page = await self._parts.finder.page(
            ListQuery(
                kinds=[kind] if kind else list(self._parts.kinds),
                states=[JobState(status)] if status else list(JobState),
                apps=_apps(call, query.text("app", 512)),
                since=query.moment("since"),
                after=query.cursor(),
            ),
            limit,
        )
        after = cursor_of(page.after) if page.after else None
        return APIResponse.paginated(
            [job_view(record) for record in page.records],
            limit=limit,
            name="jobs",
            after=after,
            next_url=next_url(call, "/api/jobs", names, after),
        )

    async def result(self, call: Call) -> Response:
        """How a job ended, with its result or the reason."""
        record = await self._job(call, Query(call.request.query, ("kind",)))
        if not record.state.final or record.outcome is None:
            raise NotEndedError(f"The job {record.job_id} is {record.state}.")
        headers = {"ETag": etag_of(record), "Cache-Control": "no-cache"}
        if matches(call.request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(304, headers=headers)
        return Response(200, await self._parts.failed_jobs.outcome(record) or b"{}", JSON, headers)

    async def retry(self, call: Call, durable: Orchestrations) -> Response:
        """Run a failed job again, from its own body or that of the request."""
        record = await self._job(call, Query(call.request.query, ("kind",)))
        again = await self._parts.failed_jobs.replay(record, call.request.body or None)
        await durable.wake(record.kind)
        headers = {"Location": job_url(again), "Retry-After": str(RETRY_S)}
        return _with(
            APIResponse.success(job_view(again), status=202), headers, f"kind={again.kind} replay={again.replay}"
        )

    async def cancel(self, call: Call, durable: Orchestrations) -> Response:
        """Cancel a job that hasn't ended; while it runs only one of several calls."""
        record = await self._job(call, Query(call.request.query, ("kind",)))
        cancelled = await self._parts.cancellation.cancel(record)
        await durable.end(cancelled)
        return _with(APIResponse.success(job_view(cancelled)), {"ETag": etag_of(cancelled)}, f"kind={cancelled.kind}")

    def _kind(self, name: str) -> Kind:
        if name not in self._parts.kinds:
            raise ResourceNotFoundError("kind of job", _shown(name))
        return self._parts.kinds[name]

    async def _job(self, call: Call, query: Query) -> JobRecord:
        """The job that is meant. A slash reaches the app encoded."""
        job_id = call.request.params["id"]
        kind = query.choice("kind", self._parts.kinds)
        kinds = [kind] if kind else list(self._parts.kinds)
        found = [
            record
            for one in dict.fromkeys((job_id, unquote(job_id)))
            for record in await self._parts.finder.by_id(one, kinds)
            if call.who.sees(record.app_id)
        ]
        if not found:
            raise ResourceNotFoundError("job", _shown(job_id))
        if len(found) > 1:
            names = [record.kind for record in found]
            raise AmbiguousJobError(
                f"There are jobs of this id of the kinds {', '.join(names)}. Say which: ?kind={names[0]}",
                field="kind",
            )
        return found[0]


class NotEndedError(HttpError):
    """The job has no result yet."""

    status = 409
    code = "not_ended"

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.headers["Retry-After"] = str(RETRY_S)


class AmbiguousJobError(HttpError):
    """Several kinds have a job of this id."""

    status = 409
    code = "ambiguous_job"


def next_url(call: Call, path: str, names: tuple[str, ...], after: str | None) -> str | None:
    """The address of the next page: this one's filters, and no key."""
    if after is None:
        return None
    kept = {name: call.request.query[name] for name in names if name in call.request.query}
    return f"{path}?{urlencode({**kept, 'cursor': after}, quote_via=quote)}"


def _apps(call: Call, app: str | None) -> list[str] | None:
    """Whose jobs are listed: those that were asked for, as far as the caller may see them."""
    allowed = call.who.apps
    if app is not None:
        return [app] if call.who.sees(app) else []
    if allowed is not None and len(allowed) > _MOST_APPS:
        raise ParameterError(f"You may see the jobs of {len(allowed)} apps. Name one of them.", field="app")
    return None if allowed is None else sorted(allowed)


def _shown(text: str) -> str:
    return text[:128] if text.isprintable() else "of such a name"


def _with(response: Response, headers: Mapping[str, str], about: str) -> Response:
    return Response(response.status, response.body, response.content_type, {**response.headers, **headers}, about)
