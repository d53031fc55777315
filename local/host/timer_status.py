"""What a timer remembers between two lives of the host, in a blob (StorageScheduleMonitor.cs, ScheduleMonitor.cs)."""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient

from local.host.schedule import Schedule

HOSTS_CONTAINER = "azure-webjobs-hosts"
NEVER = datetime(1, 1, 1, tzinfo=UTC)
_FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TimerStatus:
    """When a timer ran and is due. NEVER stands for "not yet"."""

    last: datetime
    next: datetime
    last_updated: datetime

    def as_dict(self) -> dict[str, str]:
        """As .NET writes it: local times with their offset."""
        return {"Last": _write(self.last), "Next": _write(self.next), "LastUpdated": _write(self.last_updated)}


class TimerStatusStore:
    """The status blob of one timer."""

    def __init__(self, storage: BlobServiceClient, host_id: str, function: str) -> None:
        self._container = storage.get_container_client(HOSTS_CONTAINER)
        self._blob = self._container.get_blob_client(f"timers/{host_id}/Host.Functions.{function}/status")

    async def load(self) -> TimerStatus | None:
        """The status, or None if there is none yet or it can't be read.

        Raises:
            AzureError: storage can't be reached.
        """
        try:
            text = await (await self._blob.download_blob()).readall()
        except ResourceNotFoundError:
            return None
        try:
            content = json.loads(text)
            return TimerStatus(*(_read(content[name]) for name in ("Last", "Next", "LastUpdated")))
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("The timer status %s can't be read and is replaced: %s", self._blob.blob_name, error)
            return None

    async def save(self, status: TimerStatus) -> None:
        """Keep the status. A failure is logged: the timer goes on."""
        try:
            await ensure_container(self._container)
            await self._blob.upload_blob(json.dumps(status.as_dict()), overwrite=True)
        except AzureError as error:
            _log.error("The timer status %s could not be saved: %s", self._blob.blob_name, error)


async def ensure_container(container: Any) -> None:
    """Create a container unless it exists."""
    try:
        await container.create_container()
    except ResourceExistsError:
        return


def due_after(schedule: Schedule, moment: datetime) -> datetime:
    """The next time of a schedule; the end of time if it is never due again."""
    return schedule.next_after(moment) or _FAR_FUTURE


def check_status(schedule: Schedule, status: TimerStatus | None, now: datetime) -> tuple[TimerStatus, bool, bool]:
    """Compare what was kept with the schedule of today.

    Returns:
        The status to go on with; whether it differs from what is kept; whether a run was missed.
    """
    if status is None:
        return TimerStatus(NEVER, due_after(schedule, now), now), True, False
    base = next((moment for moment in (status.last, status.last_updated) if moment != NEVER), now)
    expected = due_after(schedule, base)
    if expected == status.next:
        return status, False, now > status.next
    # The schedule was changed. A time that is over by the new one isn't a missed run.
    if now > expected:
        base, expected = now, due_after(schedule, now)
    return TimerStatus(NEVER, expected, base), True, False


def _write(moment: datetime) -> str:
    # The first and last days can't be moved to another time zone.
    edge = moment in (NEVER, _FAR_FUTURE)
    return (moment if edge else moment.astimezone()).isoformat()


def _read(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.astimezone()
