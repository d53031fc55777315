"""The HTTP endpoints of runs."""

from typing import TYPE_CHECKING

from functions.http_endpoint import endpoint
from shared.http_api import run_endpoints as endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response


@endpoint(endpoints.RUNS_LIST)
async def runs_list(call: "Call") -> "Response":
    """A page of runs."""
    from shared.bootstrap.http import apis

    return await (await apis()).runs.page(call)


@endpoint(endpoints.RUNS_START)
async def runs_start(call: "Call") -> "Response":
    """Start a run of an uploaded file."""
    from shared.bootstrap.http import apis

    return await (await apis()).runs.start(call)


@endpoint(endpoints.RUNS_GET)
async def runs_get(call: "Call") -> "Response":
    """One run."""
    from shared.bootstrap.http import apis

    return await (await apis()).runs.get(call)


@endpoint(endpoints.RUNS_RESULTS)
async def runs_results(call: "Call") -> "Response":
    """What became of a run's rows."""
    from shared.bootstrap.http import apis

    return await (await apis()).runs.results(call)


@endpoint(endpoints.RUNS_ACT)
async def runs_act(call: "Call") -> "Response":
    """Pause, resume or cancel a run, or try its failures again."""
    from shared.bootstrap.http import apis

    return await (await apis()).runs.act(call)
