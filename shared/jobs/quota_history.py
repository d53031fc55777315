"""How the quota of each deployment was used, minute by minute: what the status page draws.

One row a deployment, in the table of pending calls, written by a timer that runs on one instance at a time. While
nothing is used nothing is written: minutes that are missing were idle.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode

from shared.jobs.pending import PENDING_TABLE
from shared.jobs.record import row_key
from shared.storage.azure import storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

MINUTES = 60
_ROW = "samples"


@dataclass(frozen=True, slots=True)
class QuotaSample:
    """The state of a token counter at a minute.

    Attributes:
        minute: since 1970.
        used: tokens sent, or booked to be sent, within the 60 s before.
        booked: tokens of bookings that start later.
        limit: tokens per minute.
        throttles: 429s so far.
    """

    minute: int
    used: int
    booked: int
    limit: int
    throttles: int

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> "QuotaSample":
        """From what a token counter says (its operation `status`)."""
        return cls(
            minute=int(status["now_s"] // 60),
            used=int(status["used_tokens"]),
            booked=int(status["booked_ahead_tokens"]),
            limit=int(status["limits"]["tpm"]),
            throttles=int(status["throttles"]),
        )

    @property
    def idle(self) -> bool:
        return self.used == 0 and self.booked == 0


def with_sample(samples: Sequence[QuotaSample], sample: QuotaSample) -> list[QuotaSample] | None:
    """Those of the last hour with one more; None where nothing has to be written."""
    kept = [one for one in samples if sample.minute - MINUTES < one.minute < sample.minute]
    if sample.idle and (not kept or (kept[-1].throttles == sample.throttles and kept[-1].idle)):
        return None
    return [*kept, sample]


def last_hour(samples: Sequence[QuotaSample], now_minute: int) -> list[QuotaSample]:
    """One sample for each minute, oldest first; idle minutes are filled in. None where there are no samples at all."""
    if not samples:
        return []
    by_minute = {one.minute: one for one in samples}
    found: list[QuotaSample] = []
    last = samples[0]
    for minute in range(now_minute - MINUTES + 1, now_minute + 1):
        last = by_minute.get(minute, last)
        found.append(by_minute.get(minute) or QuotaSample(minute, 0, 0, last.limit, last.throttles))
    return found


class QuotaHistory:
    """Keeps the samples. Both methods raise StorageError when storage fails."""

    def __init__(self, service: "TableServiceClient") -> None:
        self._table: TableClient = service.get_table_client(PENDING_TABLE)

    async def load(self, deployment: str) -> list[QuotaSample]:
        """The samples of the last hour in which anything was used."""
        async with storage_errors("Reading how the quota was used"):
            try:
                row = await self._table.get_entity(row_key(deployment), _ROW)
            except ResourceNotFoundError:
                return []
        return [QuotaSample(*values) for values in json.loads(row["samples"])]

    async def add(self, deployment: str, sample: QuotaSample) -> None:
        """Keep one more."""
        samples = with_sample(await self.load(deployment), sample)
        if samples is None:
            return
        values = [[one.minute, one.used, one.booked, one.limit, one.throttles] for one in samples]
        row = {
            "PartitionKey": row_key(deployment),
            "RowKey": _ROW,
            "samples": json.dumps(values, separators=(",", ":")),
        }
        async with storage_errors("Noting how the quota is used"):
            await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)
