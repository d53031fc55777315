"""The endpoints of failed jobs: list, and run again."""

import heapq
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from shared.errors import InvalidMessageError, SluiceError
from shared.http_api.errors import ResourceNotFoundError
from shared.http_api.job_views import job_url
from shared.http_api.jobs import Orchestrations, next_url
from shared.http_api.messages import Call, Response
from shared.http_api.query import Query, cursor_of
from shared.http_api.responses import APIResponse
from shared.jobs.failures import FailedJobs
from shared.jobs.kinds import Kind
from shared.jobs.record import JobRecord
from shared.jobs.store import JobStore
from shared.messages import decode_body

REPLAY_LIMIT = 100
_LOOKED_AT = 1_000
"""So many failures are looked at for one page, however few of them fit the filter."""


class Replay(BaseModel):
    """Which failed jobs run again: `ids`, or with `all` those of the kind (and `error`), the newest 100 at most."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    ids: list[Annotated[str, StringConstraints(min_length=1, max_length=128)]] | None = None
    all: Literal[True] | None = None
    error: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None


class ErrorsApi:
    """Answers calls about failed jobs. Those of apps that a caller may not see don't exist for them."""

    def __init__(self, kinds: Mapping[str, Kind], store: JobStore, failed_jobs: FailedJobs) -> None:
        self._kinds = kinds
        self._store = store
        self._failed_jobs = failed_jobs

    async def page(self, call: Call) -> Response:
        """A page of failed jobs with their reasons."""
        names = ("kind", "error", "app", "limit", "cursor")
        query = Query(call.request.query, names)
        kind, limit = query.choice("kind", self._kinds), query.number("limit", 50, 1, 100)
        found, after = await self._page(
            call,
            [kind] if kind else list(self._kinds),
            limit,
            error=query.text("error", 64),
            app=query.text("app", 512),
            after=query.cursor(),
        )
        cursor = cursor_of(after) if after else None
        url = next_url(call, "/api/errors", names, cursor)
        views = [error_view(record) for record in found]
        return APIResponse.paginated(views, limit=limit, name="errors", after=cursor, next_url=url)

    async def replay(self, call: Call, durable: Orchestrations) -> Response:
        """Run failed jobs again, each from its own body."""
        asked = decode_body(Replay, call.request.body)
        if asked.kind not in self._kinds:
            raise ResourceNotFoundError("kind of job", asked.kind[:64])
        if (asked.ids is None) == (asked.all is None) or (asked.ids is not None and asked.error is not None):
            raise InvalidMessageError("Give ids, or all with or without error.", field="ids")
        if asked.ids is not None and not 0 < len(asked.ids) <= REPLAY_LIMIT:
            raise InvalidMessageError(f"Give 1 to {REPLAY_LIMIT} ids.", field="ids")
        more = False
        records: list[JobRecord | str]
        if asked.ids is not None:
            records = [await self._job(call, asked.kind, job_id) or job_id for job_id in dict.fromkeys(asked.ids)]
        else:
            found, after = await self._page(call, [asked.kind], REPLAY_LIMIT, error=asked.error)
            records, more = [*found], after is not None
        content = await self._replay(records)
        if content["replayed"]:
            await durable.wake(asked.kind)
        about = f"kind={asked.kind} jobs={len(content['replayed'])}"
        response = APIResponse.success({**content, "more": more}, status=202)
        return Response(response.status, response.body, about=about)

    async def _replay(self, records: Sequence[JobRecord | str]) -> dict[str, Any]:
        replayed: list[str] = []
        refused: list[dict[str, str]] = []
        for record in records:
            if isinstance(record, str):
                refused.append({"id": record, "code": "not_found", "detail": f"There is no failed job {record}."})
                continue
            try:
                await self._failed_jobs.replay(record)
            except SluiceError as error:
                refused.append({"id": record.job_id, "code": error.code, "detail": str(error)})
            else:
                replayed.append(record.job_id)
        return {"replayed": replayed, "refused": refused}

    async def _job(self, call: Call, kind: str, job_id: str) -> JobRecord | None:
        record = await self._store.get(kind, job_id)
        return record if record is not None and call.who.sees(record.app_id) else None

    async def _page(
        self,
        call: Call,
        kinds: Sequence[str],
        limit: int,
        *,
        error: str | None = None,
        app: str | None = None,
        after: str | None = None,
    ) -> tuple[list[JobRecord], str | None]:
        """Some failures, newest first, and where to go on; None at the end."""
        filtered = bool(error or app) or call.who.apps is not None
        read = [await self._of_kind(kind, after, _LOOKED_AT if filtered else limit) for kind in kinds]
        # Beyond the end of a list that was cut short nothing is known of the order.
        known = min((records[-1].failure_key or "" for records, whole in read if not whole), default="~")
        found: list[JobRecord] = []
        last = after
        for record in heapq.merge(*(records for records, _ in read), key=lambda one: one.failure_key or ""):
            if len(found) == limit or (record.failure_key or "") > known:
                return found, last
            last = record.failure_key
            wanted = error in (None, record.error_code) and app in (None, record.app_id)
            if wanted and call.who.sees(record.app_id):
                found.append(record)
        return found, None if known == "~" else last

    async def _of_kind(self, kind: str, after: str | None, most: int) -> tuple[list[JobRecord], bool]:
        """The next failures of a kind, and whether there are no others."""
        found: list[JobRecord] = []
        async for record in self._store.failures(kind, after):
            if len(found) == most:
                return found, False
            found.append(record)
        return found, True


def error_view(record: JobRecord) -> dict[str, Any]:
    """A failed job with its reason."""
    view = {
        "id": record.job_id,
        "kind": record.kind,
        "code": record.error_code,
        "message": record.error_message,
        "failed_at": record.updated_at.isoformat(),
        "app_id": record.app_id,
        "run_id": record.run_id,
        "attempt": record.attempt,
        "replay": record.replay,
        "links": {"self": job_url(record), "retry": job_url(record, "/retry")},
    }
    return {name: value for name, value in view.items() if value is not None}
