"""After a trigger did its work: what the durable functions have to hear of it."""

import uuid

import azure.durable_functions as df

from functions.durable_pump import DurablePump, counter_of
from shared.bootstrap import Services


async def wake_pump(client: df.DurableOrchestrationClient, found: Services) -> None:
    """Calls were lined up."""
    await found.waker.wake(DurablePump(client, found.deployment))


async def tell_throttled(
    client: df.DurableOrchestrationClient, found: Services, epoch: int, retry_after_s: float | None
) -> None:
    """The endpoint answered 429: nobody is let through for now."""
    payload = {"id": uuid.uuid4().hex, "epoch": epoch, "retry_after_s": retry_after_s}
    request = {"now_s": found.clock.now_s(), "payload": payload}
    await client.signal_entity(counter_of(found.deployment), "throttled", request)
