"""Runs over HTTP: what they are, what is done with them, what came of their rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared.http_api.errors import ResourceNotFoundError, StateConflictError
from shared.http_api.jobs import next_url
from shared.http_api.messages import Call, Response
from shared.http_api.query import Query
from shared.http_api.responses import APIResponse
from shared.http_api.run_exports import Place, RunExport
from shared.http_api.run_starts import start_run
from shared.run_settings import Rates
from shared.runs.control import RunControl, RunEndedError
from shared.runs.results import RunResults
from shared.runs.store import Run, RunStore, UnknownRunError
from shared.runs.uploads import Uploads
from shared.runs.view import run_facts, whole_row

ACTIONS = ("pause", "resume", "cancel", "retry-failed")
_RETRY_S = 5
_PAGE_NAMES = ("limit", "cursor")
_RESULT_NAMES = ("cursor", "format", "ended")


@dataclass(frozen=True, slots=True)
class RunsParts:
    """What runs are answered with.

    Attributes:
        rates_of: by kind of job.
        now_s: seconds since 1970.
        fields: of results, by kind of job: the columns of an export.
    """

    store: RunStore
    control: RunControl
    results: RunResults
    uploads: Uploads
    rates_of: Callable[[str], Rates]
    currency: str
    now_s: Callable[[], float]
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def cost(self, run: Run) -> float | None:
        """Of a run so far; None where no price is known."""
        tally = run.head.tally
        return self.rates_of(run.spool.kind).of(tally.input_tokens, tally.output_tokens, tally.audio_s)


class RunsApi:
    """Answers the endpoints of runs. A caller sees runs of their own apps alone, where they are restricted to some."""

    def __init__(self, parts: RunsParts) -> None:
        self._parts = parts
        self._export = RunExport(parts.results, parts.fields)

    async def page(self, call: Call) -> Response:
        """A page of runs, by name."""
        query = Query(call.request.query, _PAGE_NAMES)
        limit = query.number("limit", 50, 1, 100)
        found: list[dict[str, Any]] = []
        last = None
        async for name in self._parts.store.names(after=query.text("cursor")):
            if len(found) == limit:
                after = last or ""
                url = next_url(call, "/api/runs", _PAGE_NAMES, after)
                return APIResponse.paginated(found, limit=limit, name="runs", after=after, next_url=url)
            last = name
            try:
                run = await self._run(call, name)
            except ResourceNotFoundError:
                continue
            found.append(self._view(run))
        return APIResponse.paginated(found, limit=limit, name="runs")

    async def get(self, call: Call) -> Response:
        """One run."""
        Query(call.request.query, ())
        return APIResponse.success(self._view(await self._run(call, call.request.params["id"])))

    async def start(self, call: Call) -> Response:
        """Start a run of an uploaded file, or find that it was started."""
        run = await start_run(call, self._parts.store, self._parts.uploads)
        headers = {"Location": f"/api/runs/{run.name}", "Retry-After": str(_RETRY_S)}
        response = APIResponse.success(self._view(run), status=202, headers=headers)
        return replace(response, about=f"run={run.name}")

    async def act(self, call: Call) -> Response:
        """Wish something of a run; its next turn carries it out."""
        Query(call.request.query, ())
        name, action = call.request.params["id"], call.request.params["action"]
        if action not in ACTIONS:
            raise ResourceNotFoundError("action", f"{action[:40]!r}: there are {', '.join(ACTIONS)}")
        await self._run(call, name)
        try:
            run = await getattr(self._parts.control, action.replace("-", "_"))(name)
        except RunEndedError as error:
            raise StateConflictError(str(error)) from None
        return APIResponse.success(self._view(run), status=202)

    async def results(self, call: Call) -> Response:
        """Rows of a run with what became of them: a part at a time, or some thousands as a piece of a file."""
        query = Query(call.request.query, _RESULT_NAMES)
        form, ended = query.choice("format", ("json", "csv", "jsonl")) or "json", query.flag("ended")
        place = Place.read(query.text("cursor"))
        run = await self._run(call, call.request.params["id"])
        path = f"/api/runs/{run.name}/results"
        if form != "json":
            piece = await self._export.piece(run, form, place, ended=ended)
            return piece.response(run.name, next_url(call, path, _RESULT_NAMES, piece.after))
        rows = await self._parts.results.part(run, place.part) if place.part < run.spool.parts else []
        shown = [whole_row(row) for row in rows if row.final or not ended]
        after = str(place.part + 1) if place.part + 1 < run.spool.parts else None
        return APIResponse.paginated(
            shown, name="rows", after=after, next_url=next_url(call, path, _RESULT_NAMES, after)
        )

    async def _run(self, call: Call, name: str) -> Run:
        try:
            run = await self._parts.store.get(name)
        except UnknownRunError:
            raise ResourceNotFoundError("run", name[:80] if name.isprintable() else "of such a name") from None
        if not call.who.sees(run.spool.app_id):
            raise ResourceNotFoundError("run", run.name)
        return run

    def _view(self, run: Run) -> dict[str, Any]:
        results = f"/api/runs/{run.name}/results"
        links = {
            "self": f"/api/runs/{run.name}",
            "results": results,
            "csv": f"{results}?format=csv",
            "jsonl": f"{results}?format=jsonl",
        }
        return {**run_facts(run, self._parts.now_s(), self._parts.cost(run), self._parts.currency), "links": links}
