"""What the HTTP API needs of durable functions."""

import logging

import azure.durable_functions as df

from functions.steps import instance_of
from functions.waking import wake_pump
from shared.bootstrap import Services, services
from shared.http_api.jobs import Orchestrations
from shared.http_api.messages import Call
from shared.jobs.record import JobRecord
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)


class DurableOrchestrations:
    """Implements Orchestrations."""

    def __init__(self, client: df.DurableOrchestrationClient, found: Services) -> None:
        self._client = client
        self._found = found

    async def wake(self, kind: str) -> None:
        """See Orchestrations. Jobs of several calls are begun by their message."""
        if kind not in self._found.jobs.kinds:
            await wake_pump(self._client, self._found.chat)

    async def end(self, record: JobRecord) -> None:
        """See Orchestrations. Without it the job's orchestration would end with its next step."""
        if record.kind not in self._found.jobs.kinds:
            return
        try:
            await self._client.terminate(instance_of(record.kind, record.job_id, record.booking), "cancelled")
        except Exception as error:
            # It hasn't begun, or has ended; the SDK raises nothing more exact than this.
            log_event(logger, "not_terminated", job_id=record.job_id, kind=record.kind, reason=type(error).__name__)


async def orchestrations(call: Call) -> Orchestrations:
    """Those of the client of this invocation."""
    return DurableOrchestrations(call.client, await services())
