"""Runs over HTTP: what they are, what is done with them, what came of their rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.http_api.errors import ResourceNotFoundError, StateConflictError
from shared.http_api.jobs import next_url
from shared.http_api.messages import Call, Response
from shared.http_api.query import Query
from shared.http_api.responses import APIResponse
from shared.run_settings import Price
from shared.runs.control import RunControl, RunEndedError
from shared.runs.results import RowResult, RunResults
from shared.runs.store import Run, RunStore, UnknownRunError
from shared.runs.view import run_facts

ACTIONS = ("pause", "resume", "cancel", "retry-failed")
_PAGE_NAMES = ("limit", "cursor")


@dataclass(frozen=True, slots=True)
class RunsParts:
    """What runs are answered with.

    Attributes:
        price_of: by kind of job; None where no price is known.
        now_s: seconds since 1970.
    """

    store: RunStore
    control: RunControl
    results: RunResults
    price_of: Callable[[str], Price | None]
    currency: str
    now_s: Callable[[], float]


class RunsApi:
    """Answers the endpoints of runs. A caller sees runs of their own apps alone, where they are restricted to some."""

    def __init__(self, parts: RunsParts) -> None:
        self._parts = parts

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
        """Rows of a run with what became of them, a part at a time."""
        query = Query(call.request.query, ("cursor",))
        part = query.number("cursor", 0, 0, 999_999)
        run = await self._run(call, call.request.params["id"])
        rows = await self._parts.results.part(run, part) if part < run.spool.parts else []
        after = str(part + 1) if part + 1 < run.spool.parts else None
        url = next_url(call, f"/api/runs/{run.name}/results", ("cursor",), after)
        return APIResponse.paginated([whole_row(row) for row in rows], name="rows", after=after, next_url=url)

    async def _run(self, call: Call, name: str) -> Run:
        try:
            run = await self._parts.store.get(name)
        except UnknownRunError:
            raise ResourceNotFoundError("run", name[:80] if name.isprintable() else "of such a name") from None
        if not call.who.sees(run.spool.app_id):
            raise ResourceNotFoundError("run", run.name)
        return run

    def _view(self, run: Run) -> dict[str, Any]:
        price, tally = self._parts.price_of(run.spool.kind), run.head.tally
        cost = None if price is None else price.of(tally.input_tokens, tally.output_tokens)
        links = {"self": f"/api/runs/{run.name}", "results": f"/api/runs/{run.name}/results"}
        return {**run_facts(run, self._parts.now_s(), cost, self._parts.currency), "links": links}


def whole_row(found: RowResult) -> dict[str, Any]:
    """A row as it came, and the outcome as it is stored."""
    code, reason = found.error
    facts = {
        "row": found.row.number,
        "line": found.row.line,
        "input": dict(found.row.values),
        "status": found.status,
        "job_id": found.job_id,
        "result": dict(found.result) or None,
        "error": {"code": code, "message": reason} if code else None,
        "usage": found.outcome.get("usage"),
    }
    return {name: value for name, value in facts.items() if value is not None}
