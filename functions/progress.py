"""How far jobs of several calls are: from the custom status of their orchestrations."""

from typing import TYPE_CHECKING

from functions.http_endpoint import endpoint
from shared.http_api import endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response

_MOST = 100


@endpoint(endpoints.PROGRESS)
async def progress(call: "Call") -> "Response":
    """The jobs of a kind that run now, at most 100, longest running first."""
    from functions.running import running_jobs
    from shared.bootstrap import services
    from shared.http_api.errors import ResourceNotFoundError
    from shared.http_api.messages import json_response

    kind = call.request.params["kind"]
    if kind not in (await services()).backend.kinds:
        raise ResourceNotFoundError("kind of job", kind[:64])
    jobs = await running_jobs(call.client, kind, _MOST)
    if call.who.apps is not None:
        store = (await services()).backend.store
        records = [await store.get(kind, job["job_id"]) for job in jobs]
        jobs = [job for job, record in zip(jobs, records, strict=True) if record and call.who.sees(record.app_id)]
    return json_response({"jobs": jobs})
