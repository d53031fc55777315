"""The pump's orchestration and the token counter's entity, as the durable client reaches them."""

from typing import Any

import azure.durable_functions as df

ADMIT = "admit"
TOKEN_COUNTER = "token_counter"  # noqa: S105 - an entity's name
WAKE = "wake"


def pump_instance(deployment: str) -> str:
    """The id of the one pump of a deployment."""
    return f"{ADMIT}-{deployment}"


def counter_of(deployment: str) -> df.EntityId:
    """The token counter of a deployment."""
    return df.EntityId(TOKEN_COUNTER, deployment)


class DurablePump:
    """Implements PumpStarter.

    Args:
        client: of this invocation.
    """

    def __init__(self, client: df.DurableOrchestrationClient, deployment: str) -> None:
        self._client = client
        self._deployment = deployment

    async def start(self) -> bool:
        """See PumpStarter."""
        try:
            await self._client.start_new(ADMIT, pump_instance(self._deployment), self._deployment)
        except Exception as error:
            # The SDK raises nothing more exact than this for an instance that runs.
            if "already exists" in str(error):
                return False
            raise
        return True

    async def notify(self, instance: str, event: str, data: dict[str, Any]) -> None:
        """Raise an event for an orchestration; one that has ended meanwhile, or was purged, doesn't need it."""
        try:
            await self._client.raise_event(instance, event, data)
        except Exception as error:
            # The SDK raises nothing more exact than these for the statuses 410 and 404.
            if "is gone" not in str(error) and "No instance" not in str(error):
                raise

    async def tell(self) -> None:
        """See PumpStarter."""
        await self._client.raise_event(pump_instance(self._deployment), WAKE, {})
