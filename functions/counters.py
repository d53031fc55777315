"""What token counters say, from their stored state: nothing changes, and nobody waits for them."""

from typing import Any

import azure.durable_functions as df

from functions.durable_pump import counter_of
from shared.bootstrap import Services
from shared.quota.token_counter import apply


async def counter_status(
    client: df.DurableOrchestrationClient, found: Services, deployment: str
) -> dict[str, Any] | None:
    """The answer to the operation `status`; None where there is no such counter, and the deployment isn't ours."""
    entity = await client.read_entity_state(counter_of(deployment))
    state = entity.entity_state if entity.entity_exists else None
    own = found.deployments.get(deployment)
    if state is None and own is None:
        return None
    payload: dict[str, Any] = {"id": "status", **({"limits": own.limits.as_dict()} if own else {})}
    _, answer = apply(state, "status", payload, (own or found.chat).clock.now_s())
    return answer
