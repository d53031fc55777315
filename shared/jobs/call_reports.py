"""What became of the calls that were let through: a row each, until the pump tells the token counter of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode

from shared.jobs.pending import PENDING_TABLE
from shared.jobs.record import job_digest, row_key
from shared.messages import RunTicket
from shared.quota.admission import MAX_HEARD
from shared.quota.freeze import Freeze
from shared.storage.azure import REPEAT, replace_row, storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

_FREEZE_ROW = "freeze"
_CLOCK_ROW = "clock"
_MOST = 2**31 - 1
_REPORT_LIMIT = 2 * MAX_HEARD  # two reports a call


@dataclass(frozen=True, slots=True)
class CallReport:
    """What became of one booked call. Times are those of the server's clock.

    Attributes:
        sent_s: when it was sent; None where it wasn't, or the endpoint doesn't charge for it.
        missed_s: when the run came too late for the booking.
        late_s: by how much its message was delivered late, where that was scheduled.
        answered: whether this is the second report, which says what the answer told: the three values below.
        remaining_tokens: what the endpoint said was left of the quota.
        key: of the row, once it was read.
    """

    start_s: float
    tokens: int
    epoch: int
    sent_s: float | None = None
    missed_s: float | None = None
    late_s: float | None = None
    answered: bool = False
    remaining_tokens: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    key: str = ""


class CallReports:
    """The rows of one deployment. All methods raise StorageError when storage fails."""

    def __init__(self, service: "TableServiceClient", deployment: str) -> None:
        self._table: TableClient = service.get_table_client(PENDING_TABLE)
        self._partition = row_key(deployment)

    async def put(self, ticket: RunTicket, report: CallReport) -> None:
        """Keep a report."""
        # Calls of one job that are made side by side must not take each other's place.
        digest = job_digest(ticket.kind, f"{ticket.job_id}\n{ticket.call}" if ticket.call else ticket.job_id)
        part = "b" if report.answered else "a"
        key = f"r:{int(ticket.start_s * 1000):015d}:{digest}:{ticket.booking}:{part}"
        values = {name: _fitting(getattr(report, name)) for name in _COLUMNS if getattr(report, name) is not None}
        async with storage_errors("Reporting a call"):
            await self._table.upsert_entity(
                {"PartitionKey": self._partition, "RowKey": key, **values}, mode=UpdateMode.REPLACE
            )

    async def read(self) -> list[CallReport]:
        """The oldest reports: as many as one cycle of the pump may hear."""
        found: list[CallReport] = []
        async with storage_errors("Reading the reports of calls"):
            rows = self._table.query_entities(
                "PartitionKey eq @pk and RowKey ge 'r:' and RowKey lt 'r;'",
                parameters={"pk": self._partition},
                results_per_page=_REPORT_LIMIT,
            )
            # Over as many pages as it takes: one may be short, or empty, and not be the last.
            async for row in rows:
                found.append(_report(row))
                if len(found) == _REPORT_LIMIT:
                    break
        return found

    async def freeze(self) -> Freeze:
        """What all workers must know of the 429s so far."""
        return (await self._freeze_row())[0]

    async def throttled(self, epoch: int, retry_after_s: float | None, now_s: float) -> Freeze:
        """Tell every worker of a 429.

        Args:
            epoch: of the booking of the call that got it.
        """
        return await self._change_freeze(lambda known: known.after(epoch, retry_after_s, now_s))

    async def adopt(self, freeze: Freeze) -> Freeze:
        """Tell every worker what the token counter decided by itself."""
        return await self._change_freeze(
            lambda known: Freeze(max(known.epoch, freeze.epoch), max(known.until_s, freeze.until_s))
        )

    async def _change_freeze(self, change: Callable[[Freeze], Freeze]) -> Freeze:
        while True:
            known, etag = await self._freeze_row()
            after = change(known)
            if after == known:
                return known
            row = {
                "PartitionKey": self._partition,
                "RowKey": _FREEZE_ROW,
                "epoch": after.epoch,
                "until_s": after.until_s,
            }
            if await replace_row(self._table, row, etag, "Telling of a 429"):
                return after
            # Another worker got one too.

    async def _freeze_row(self) -> tuple[Freeze, str | None]:
        async with storage_errors("Looking for a 429"):
            try:
                row = await self._table.get_entity(self._partition, _FREEZE_ROW)
            except ResourceNotFoundError:
                return Freeze(), None
        return Freeze(row["epoch"], row["until_s"]), row.metadata["etag"]

    async def touch(self) -> str:
        """Write something, for the clock. Returns the ETag."""
        async with storage_errors("Asking for the time"):
            row = {"PartitionKey": self._partition, "RowKey": _CLOCK_ROW}
            meta = await self._table.upsert_entity(row, mode=UpdateMode.REPLACE, **REPEAT)
        return str(meta["etag"])


_COLUMNS = tuple(f.name for f in fields(CallReport) if f.name != "key")


def _fitting(value: float) -> float:
    """What the endpoint says may be nonsense, and more than a column holds (Edm.Int32)."""
    return min(value, _MOST) if isinstance(value, int) else value


def _report(row: Mapping[str, Any]) -> CallReport:
    return CallReport(**{name: row[name] for name in _COLUMNS if name in row}, key=row["RowKey"])
