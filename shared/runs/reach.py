"""Reaches the jobs of a part that don't run: pauses, resumes and cancels them. What runs ends normally."""

from collections.abc import Callable, Mapping
from datetime import datetime

from shared.jobs.lifecycle import on_missed, paused, resumed
from shared.jobs.lines import Line
from shared.jobs.pending import PendingTable
from shared.jobs.pending_call import PendingCall
from shared.jobs.publisher import Publisher
from shared.jobs.record import JobRecord, JobState
from shared.jobs.store import JobStore
from shared.runs.part_jobs import PartJobs, each


class Reach:
    """Every change is made under the ETag of the job's row: a job that begins to run in this moment is left to it.

    The row comes first, its pending call after it: a call that is let through in between finds that its booking is of
    no use any more.

    Args:
        lines: where jobs line up, by kind.
        deployments: whose pending calls they are, by kind; none for kinds that don't wait there as a whole.
    """

    def __init__(
        self,
        jobs: PartJobs,
        store: JobStore,
        pending: PendingTable,
        publisher: Publisher,
        lines: Mapping[str, Line],
        deployments: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._pending = pending
        self._publisher = publisher
        self.lines = lines
        self._deployments = deployments
        self._clock = clock

    async def pause(self, kind: str, run: str, part: int) -> None:
        """Take what is pending or booked out of the line.

        Raises:
            StorageError
        """

        async def one(record: JobRecord) -> JobRecord:
            await self._store.update(paused(record, self._clock()))
            return record

        waiting = await self._jobs.read(kind, run, part, [JobState.PENDING])
        await self._withdraw(kind, await each(waiting, one))

    async def resume(self, kind: str, run: str, part: int) -> None:
        """Line up again what was paused; and what was pending, as somebody may have been cut off before.

        Raises:
            StorageError, MessagingError
        """

        async def one(record: JobRecord) -> JobRecord:
            return await self._store.update(resumed(record, self._clock()))

        await self.realign(kind, await self._jobs.read(kind, run, part, [JobState.PENDING]))
        held = await self._jobs.read(kind, run, part, [JobState.PAUSED])
        await self.lines[kind].enqueue(await each(held, one))

    async def realign(self, kind: str, records: list[JobRecord]) -> None:
        """Line up pending jobs of which nobody knows whether they are lined up, or let through already.

        Each gets a new booking: a second call under the old one would be dropped by duplicate detection, and the pump,
        which hears nothing of it, would let hardly anything through.

        Raises:
            StorageError, MessagingError
        """
        kept: list[JobRecord] = []

        async def one(record: JobRecord) -> JobRecord:
            found = await self._store.update(on_missed(record, self._clock()).record)
            kept.append(record)
            return found

        again = await each(records, one)
        await self._withdraw(kind, kept)
        await self.lines[kind].enqueue(again)

    async def cancel(self, kind: str, run: str, part: int) -> None:
        """End as cancelled what is pending, booked or paused.

        Raises:
            StorageError
        """

        async def one(record: JobRecord) -> JobRecord:
            await self._store.update(await self._publisher.cancelled(record))
            return record

        waiting = await self._jobs.read(kind, run, part, [JobState.PENDING, JobState.PAUSED])
        await self._withdraw(kind, await each(waiting, one))

    async def _withdraw(self, kind: str, records: list[JobRecord]) -> None:
        deployment = self._deployments.get(kind)
        if deployment is not None and records:
            await self._pending.remove(deployment, [PendingCall.of(record).key for record in records])
