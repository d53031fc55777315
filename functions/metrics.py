"""Figures for Prometheus."""

import azure.durable_functions as df
import azure.functions as func

from shared.config import token_endpoints_level

bp = df.Blueprint()


@bp.route(route="metrics", methods=["GET"], auth_level=token_endpoints_level())
async def metrics(req: func.HttpRequest) -> func.HttpResponse:
    """The figures of the process that is asked, and those of all jobs."""
    from shared.bootstrap import services
    from shared.jobs.job_figures import job_figures
    from shared.telemetry.prometheus import render
    from shared.telemetry.start import pipeline

    found = await services()
    figures = await job_figures(found.store, found.kinds, found.deployments.values())
    running = pipeline()
    body, content_type = render(None if running is None else running.registry, figures, req.headers.get("Accept", ""))
    return func.HttpResponse(body, headers={"Content-Type": content_type})
