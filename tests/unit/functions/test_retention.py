"""The nightly function asks the durable extension for no more than what has ended."""

from datetime import UTC, datetime
from typing import Any

from azure.durable_functions import OrchestrationRuntimeStatus

from functions.retention import DurableHistory


class Client:
    """A durable client that keeps what it is asked for."""

    def __init__(self) -> None:
        self.asked: tuple[Any, ...] = ()

    async def purge_instance_history_by(self, *asked: Any) -> Any:
        self.asked = asked
        return type("Result", (), {"instances_deleted": 3})()


async def test_only_instances_that_have_ended_are_purged() -> None:
    client, before = Client(), datetime(2026, 1, 1, tzinfo=UTC)
    assert await DurableHistory(client).purge(before) == 3  # type: ignore[arg-type]
    begin, end, statuses = client.asked
    assert begin < end == before
    status = OrchestrationRuntimeStatus
    assert set(statuses) == {status.Completed, status.Failed, status.Terminated}
