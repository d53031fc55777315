"""Figures for Prometheus."""

from typing import TYPE_CHECKING

from functions.http_endpoint import endpoint
from shared.http_api import endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response


@endpoint(endpoints.METRICS)
async def metrics(call: "Call") -> "Response":
    """The figures of the process that is asked, and those of all jobs."""
    from shared.bootstrap import services
    from shared.http_api.messages import Response
    from shared.jobs.job_figures import job_figures
    from shared.telemetry.prometheus import render
    from shared.telemetry.start import pipeline

    found = await services()
    figures = await job_figures(found.backend.job_list, found.backend.kinds, found.deployments.values())
    running = pipeline()
    registry = None if running is None else running.registry
    body, content_type = render(registry, figures, call.request.headers.get("accept", ""))
    return Response(body=body, content_type=content_type)
