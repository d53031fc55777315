"""How far jobs of several calls are: from the custom status of their orchestrations."""

import json

import azure.durable_functions as df
import azure.functions as func

from shared.config import token_endpoints_level

bp = df.Blueprint()

_MOST = 100


@bp.route(route="progress/{kind}", methods=["GET"], auth_level=token_endpoints_level())
@bp.durable_client_input(client_name="client")
async def progress(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The jobs of a kind that run now, at most 100, longest running first."""
    from functions.running import running_jobs

    jobs = await running_jobs(client, req.route_params["kind"], _MOST)
    return func.HttpResponse(json.dumps({"jobs": jobs}), mimetype="application/json")
