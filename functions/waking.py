"""After a trigger did its work: what the durable functions have to hear of it."""

import uuid

import azure.durable_functions as df

from functions.durable_pump import DurablePump, counter_of
from shared.jobs.deployments import Deployment


async def wake_pump(client: df.DurableOrchestrationClient, deployment: Deployment) -> None:
    """Calls were lined up."""
    await deployment.waker.wake(DurablePump(client, deployment.name))


async def tell_throttled(
    client: df.DurableOrchestrationClient, deployment: Deployment, epoch: int, retry_after_s: float | None
) -> None:
    """The endpoint answered 429: nobody is let through for now."""
    payload = {"id": uuid.uuid4().hex, "epoch": epoch, "retry_after_s": retry_after_s}
    request = {"now_s": deployment.clock.now_s(), "payload": payload}
    await client.signal_entity(counter_of(deployment.name), "throttled", request)
