"""The HTTP endpoints of the status, and the timer that notes how the quota is used."""

import logging
from functools import partial
from typing import TYPE_CHECKING

import azure.durable_functions as df
import azure.functions as func

from functions.http_endpoint import bp, endpoint
from shared.http_api import endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response

logger = logging.getLogger(__name__)


@endpoint(endpoints.STATUS)
async def status(call: "Call") -> "Response":
    """The facts as JSON."""
    from functions.counters import counter_status
    from shared.bootstrap import services
    from shared.bootstrap.http import apis

    counter = partial(counter_status, call.client, await services())
    return await (await apis()).status.status(call, counter)


@endpoint(endpoints.DASHBOARD)
async def dashboard(call: "Call") -> "Response":
    """The same as a page."""
    from functions.counters import counter_status
    from shared.bootstrap import services
    from shared.bootstrap.http import apis

    found = await apis()
    counter = partial(counter_status, call.client, await services())
    return found.dashboard.draw(call, await found.status.facts(call, counter))


@endpoint(endpoints.DASHBOARD_REPLAY)
async def dashboard_replay(call: "Call") -> "Response":
    """Run a failed job again."""
    from functions.http_orchestrations import orchestrations
    from shared.bootstrap.http import apis

    return await (await apis()).dashboard.replay(call, await orchestrations(call))


@bp.function_name("status_sample")
@bp.timer_trigger(arg_name="timer", schedule="30 * * * * *")
@bp.durable_client_input(client_name="client")
async def status_sample(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:  # noqa: ARG001
    """Note how the quota of each deployment is used, every minute; while nothing is used nothing is written."""
    from functions.counters import counter_status
    from shared.bootstrap import services
    from shared.errors import StorageError
    from shared.jobs.quota_history import QuotaHistory, QuotaSample
    from shared.telemetry.events import log_event

    found = await services()
    history = QuotaHistory(found.backend.tables)
    for name in found.deployments:
        try:
            said = await counter_status(client, found, name)
            if said is not None:
                await history.add(name, QuotaSample.of(said))
        except StorageError as error:
            log_event(logger, "quota_not_sampled", level=logging.WARNING, deployment=name, reason=error.code)
