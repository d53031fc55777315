"""Deletes what is older than the retention, every night."""

from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from shared.config import retention_schedule

bp = df.Blueprint()

_FIRST = datetime(2020, 1, 1, tzinfo=UTC)  # purging wants a beginning; nothing of ours is older
_ENDED = [
    df.OrchestrationRuntimeStatus.Completed,
    df.OrchestrationRuntimeStatus.Failed,
    df.OrchestrationRuntimeStatus.Terminated,
]


class DurableHistory:
    """Implements History. Only of instances that have ended: without statuses a purge takes everything.

    Args:
        client: of this invocation.
    """

    def __init__(self, client: df.DurableOrchestrationClient) -> None:
        self._client = client

    async def purge(self, before: datetime) -> int:
        """See History."""
        purged = await self._client.purge_instance_history_by(_FIRST, before, _ENDED)
        return int(purged.instances_deleted)


@bp.timer_trigger(arg_name="timer", schedule=retention_schedule())
@bp.durable_client_input(client_name="client")
async def retention(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:  # noqa: ARG001
    """Delete jobs that ended long ago, and what is left of others."""
    from shared.bootstrap import services

    await (await services()).retention.run(DurableHistory(client))
