"""The HTTP endpoints of jobs."""

from typing import TYPE_CHECKING

from functions.http_endpoint import endpoint
from shared.http_api import endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response


@endpoint(endpoints.JOBS_SUBMIT)
async def jobs_submit(call: "Call") -> "Response":
    """Submit one job, or a batch."""
    from functions.http_orchestrations import orchestrations
    from shared.bootstrap.http import apis

    return await (await apis()).jobs.submit(call, await orchestrations(call))


@endpoint(endpoints.JOBS_LIST)
async def jobs_list(call: "Call") -> "Response":
    """A page of jobs."""
    from shared.bootstrap.http import apis

    return await (await apis()).jobs.page(call)


@endpoint(endpoints.JOBS_GET)
async def jobs_get(call: "Call") -> "Response":
    """One job."""
    from shared.bootstrap.http import apis

    return await (await apis()).jobs.get(call)


@endpoint(endpoints.JOBS_RESULT)
async def jobs_result(call: "Call") -> "Response":
    """How a job ended."""
    from shared.bootstrap.http import apis

    return await (await apis()).jobs.result(call)


@endpoint(endpoints.JOBS_RETRY)
async def jobs_retry(call: "Call") -> "Response":
    """Run a failed job again."""
    from functions.http_orchestrations import orchestrations
    from shared.bootstrap.http import apis

    return await (await apis()).jobs.retry(call, await orchestrations(call))


@endpoint(endpoints.JOBS_CANCEL)
async def jobs_cancel(call: "Call") -> "Response":
    """Cancel a job."""
    from functions.http_orchestrations import orchestrations
    from shared.bootstrap.http import apis

    return await (await apis()).jobs.cancel(call, await orchestrations(call))


@endpoint(endpoints.ERRORS_LIST)
async def errors_list(call: "Call") -> "Response":
    """A page of failed jobs."""
    from shared.bootstrap.http import apis

    return await (await apis()).errors.page(call)


@endpoint(endpoints.ERRORS_REPLAY)
async def errors_replay(call: "Call") -> "Response":
    """Run failed jobs again."""
    from functions.http_orchestrations import orchestrations
    from shared.bootstrap.http import apis

    return await (await apis()).errors.replay(call, await orchestrations(call))
