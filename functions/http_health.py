"""The HTTP endpoints of health."""

from typing import TYPE_CHECKING

from functions.http_endpoint import endpoint
from shared.http_api import endpoints

if TYPE_CHECKING:
    from shared.http_api.messages import Call, Response


@endpoint(endpoints.HEALTH_LIVE)
async def health_live(call: "Call") -> "Response":  # noqa: ARG001 - nothing of it matters
    """That the app is alive."""
    from shared.http_api.health import live

    return live()


@endpoint(endpoints.HEALTH_READY)
async def health_ready(call: "Call") -> "Response":
    """How each thing is that the app needs."""
    from functools import partial

    from functions.durable_pump import counter_of
    from shared.bootstrap.health import health
    from shared.health.checks import EntityHealthCheck

    found = health()
    read = call.client.read_entity_state
    counters = [EntityHealthCheck(name, partial(read, counter_of(name))) for name in found.deployments]
    return await found.api.ready(call, counters)
