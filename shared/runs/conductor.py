"""Conducts runs: feeds their rows as jobs, a window at a time, counts what became of them, and carries out wishes.

The conductor has turns. A turn looks at what is stored, does what is to be done now, stores where the run is, and says
when the next turn is due. Whatever it does may be done twice, so a turn that is cut off is simply begun again.

Why rows are fed in a window rather than sent at once: a job that is lined up stands before whatever its app sends
later. So nobody waits behind 200,000 rows, and a pause or a cancellation has few jobs to reach.

Counts come from the rows of jobs, which are the one source of truth: each turn counts the parts that haven't ended, of
which a window has few. A part that has ended is added to the run's sum once, in a transaction. Nothing is written for a
job that ends, so there is no counter for jobs to contend on, and none that a crash could leave wrong.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.errors import ConflictError, PermanentError
from shared.jobs.failures import FailedJobs
from shared.jobs.record import JobRecord, JobState, run_job_id
from shared.jobs.store import JobStore
from shared.messages import Envelope, Priority, to_json
from shared.runs.part_jobs import PartJobs, each
from shared.runs.parts import PartStore
from shared.runs.reach import Reach
from shared.runs.reading import UploadReader
from shared.runs.rows import Head, RunState
from shared.runs.store import Run, RunStore
from shared.runs.tally import Tally
from shared.storage.payloads import PayloadStore
from shared.telemetry.events import log_event

FEEDING_S = 1.0
"""Until the next turn while there is something to feed, and room for it."""
WAITING_S = 3.0
_SPOOL_IDLE = timedelta(minutes=2)
_CLAIM = timedelta(seconds=60)
"""For so long nobody else begins a turn that somebody has begun: it takes some seconds, on a busy machine more."""
_MARK_KEPT = timedelta(seconds=60)
_PARTS_A_TURN = 4
_RETRIED_A_TURN = 10
_MOST_OPEN = 64
"""Parts that are under way: their counts are in one row, and end in one transaction, which may have 100 operations."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConductorParts:
    """What the conductor works with.

    Attributes:
        windows: jobs of a run that are fed and haven't ended, about, by kind.
    """

    runs: RunStore
    files: PartStore
    jobs: PartJobs
    store: JobStore
    payloads: PayloadStore
    reach: Reach
    failed_jobs: FailedJobs
    reader: UploadReader
    windows: Mapping[str, int]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Turned:
    """What a turn came to.

    Attributes:
        turn: the next one.
        pause_s: in how many seconds it is due; None where the run waits for somebody.
        waits: whether jobs of the run wait for quota, so that the pump has work.
    """

    turn: int
    pause_s: float | None
    waits: bool = False


class Conductor:
    """Gives runs their turns."""

    def __init__(self, parts: ConductorParts) -> None:
        self._parts = parts

    async def turn(self, name: str, turn: int) -> Turned:
        """One turn of a run.

        Args:
            turn: that the message was for. One that is over does nothing, but its successor may never have been sent.

        Raises:
            UnknownRunError
            StorageError, MessagingError, ConflictError: begin again.
        """
        run = await self._parts.runs.get(name)
        head = run.head
        if head.turn != turn:
            return Turned(head.turn, FEEDING_S if head.turn == turn + 1 and head.ended_at is None else None)
        now = self._parts.clock()
        if head.claimed_at is not None and now - head.claimed_at < _CLAIM:
            return Turned(head.turn, None)  # somebody is at it; if they were cut off, RunControl.sweep finds the run
        try:
            head = await self._parts.runs.save_head(name, replace(head, claimed_at=now))
        except ConflictError:
            return Turned(head.turn, None)
        head = await self._reopen(run, head)
        head = await self._obey(run, head)
        head = await self._retry(run, head)
        head, closed = await self._count(run, head)
        run, head = await self._read(run, head)
        fed = 0
        if head.state is RunState.RUNNING and run.wish.state is RunState.RUNNING:
            head, fed = await self._feed(run, head)
        head = self._end(run, head)
        now = self._parts.clock()
        head = replace(head.remembered(now.timestamp()), turn=turn + 1, updated_at=now, claimed_at=None)
        pause_s = _pause_s(run, head, fed, now)
        await self._parts.runs.list(name, active=pause_s is not None)
        head = await self._parts.runs.save_head(name, head, closed=closed)
        log_event(logger, "run_turn", run=name, state=str(head.state), fed=fed, under_way=head.tally.open)
        return Turned(head.turn, pause_s, waits=bool(head.tally.states.get(JobState.PENDING)))

    async def _read(self, run: Run, head: Head) -> tuple[Run, Head]:
        """Read on in a file that nobody else reads. A run that had ended without the whole of it may have it again."""
        states = (RunState.RUNNING, RunState.ENDED)
        if not run.spool.reading or run.wish.state is not RunState.RUNNING or head.state not in states:
            return run, head
        if head.state is RunState.ENDED:
            head = replace(head, state=RunState.RUNNING, ended_at=None, history=())
        return replace(run, spool=await self._parts.reader.read(run.name, run.spool)), head

    async def _obey(self, run: Run, head: Head) -> Head:
        """Reach the jobs that a changed wish concerns. Until it has, the head says what was before."""
        wish = run.wish.state
        if head.state in (RunState.ENDED, RunState.CANCELLED):
            return head
        if wish is RunState.RUNNING and head.state is RunState.PAUSED:
            for part in head.open:
                await self._parts.reach.resume(run.spool.kind, run.name, part)
            return replace(head, state=RunState.RUNNING, history=())
        if wish is RunState.PAUSED:
            for part in head.open:
                await self._parts.reach.pause(run.spool.kind, run.name, part)
            return replace(head, state=RunState.PAUSED)
        if wish is RunState.CANCELLED:
            for part in head.open:
                await self._parts.reach.cancel(run.spool.kind, run.name, part)
        return head

    async def _retry(self, run: Run, head: Head) -> Head:
        """Try failures again, some parts a turn. A part is opened before its jobs are changed."""
        if run.wish.retries <= head.retried or run.wish.state is not RunState.RUNNING:
            return head
        if head.state is RunState.ENDED:
            head = replace(head, state=RunState.RUNNING, ended_at=None, history=())
        until = head.fed
        for part in range(head.retry_part, min(until, head.retry_part + _RETRIED_A_TURN)):
            if len(head.open) >= _MOST_OPEN:
                break
            head = await self._open(run.name, head, part, only_failed=True)
            if part in head.open:
                failed = await self._parts.jobs.read(run.spool.kind, run.name, part, [JobState.FAILED])
                await each(failed, self._again)
            head = replace(head, retry_part=part + 1)
        if head.retry_part >= until:
            head = replace(head, retried=run.wish.retries, retry_part=0)
        return head

    async def _again(self, record: JobRecord) -> None:
        try:
            await self._parts.failed_jobs.again(record)
        except PermanentError as error:
            # What was wrong with it is wrong still.
            log_event(logger, "job_not_retried", job_id=record.job_id, kind=record.kind, reason=error.code)

    async def _reopen(self, run: Run, head: Head) -> Head:
        """Open the parts whose jobs somebody changes."""
        for part in await self._parts.runs.marks(run.name):
            if part < head.fed and len(head.open) < _MOST_OPEN:
                head = await self._open(run.name, head, part)
                if head.state is RunState.ENDED:
                    head = replace(head, state=RunState.RUNNING, ended_at=None, history=())
        return head

    async def _open(self, name: str, head: Head, part: int, *, only_failed: bool = False) -> Head:
        if part in head.open:
            return head
        tally = await self._parts.runs.tally(name, part)
        if tally is None or (only_failed and not tally.states.get(JobState.FAILED)):
            return head
        opened = replace(head, open={**head.open, part: tally}, done=head.done.plus(tally, -1))
        return await self._parts.runs.save_head(name, opened, reopened={part: tally})

    async def _count(self, run: Run, head: Head) -> tuple[Head, Mapping[int, Tally]]:
        """Count the open parts. Returns those that have ended, too, to be stored with the head."""
        still: dict[int, Tally] = {}
        closed: dict[int, Tally] = {}
        marks = await self._parts.runs.marks(run.name)
        for part, before in sorted(head.open.items()):
            tally = Tally.of(before.jobs, await self._parts.jobs.counted(run.spool.kind, run.name, part))
            if tally.open:
                still[part] = tally
                continue
            if part in marks:
                marked_at, etag = marks[part]
                if self._parts.clock() - marked_at < _MARK_KEPT:
                    still[part] = tally  # whoever marked it may not have changed the job yet
                    continue
                await self._parts.runs.unmark(run.name, part, etag)
            closed[part] = tally
        done = head.done
        for tally in closed.values():
            done = done.plus(tally)
        return replace(head, open=still, done=done), closed

    async def _feed(self, run: Run, head: Head) -> tuple[Head, int]:
        fed = 0
        under_way = sum(tally.open for tally in head.open.values())
        room = min(_PARTS_A_TURN, _MOST_OPEN - len(head.open))
        window = self._parts.windows[run.spool.kind]
        while head.fed < run.spool.parts and under_way < window and fed < room:
            count = await self._feed_part(run, head.fed)
            tally = Tally(count, {str(JobState.PENDING): count} if count else {})
            head = replace(head, fed=head.fed + 1, open={**head.open, head.fed: tally})
            under_way += count
            fed += 1
        return head, fed

    async def _feed_part(self, run: Run, part: int) -> int:
        """Make the jobs of a part, and line them up. Returns how many there are."""
        now = self._parts.clock()
        records = []
        for row in await self._parts.files.read(run.name, part):
            if row.body is None:
                continue
            job_id = run_job_id(run.name, part, row.number)
            payload = await self._parts.payloads.keep(
                f"{JobRecord.prefix(run.spool.kind, job_id)}/body", to_json(row.body).encode()
            )
            records.append(JobRecord.new(run.spool.kind, _envelope(run, job_id), payload, now, row.tokens))
        if records:
            await self._line_up(run, part, records)
        return len(records)

    async def _line_up(self, run: Run, part: int, records: list[JobRecord]) -> None:
        kind = run.spool.kind
        if await self._parts.jobs.create(records):
            await self._parts.store.enlist(records)
            await self._parts.reach.lines[kind].enqueue(records)
            return
        # A turn was cut off here: some of them may run already.
        pending = await self._parts.jobs.read(kind, run.name, part, [JobState.PENDING])
        await self._parts.store.enlist(pending)
        await self._parts.reach.realign(kind, pending)

    def _end(self, run: Run, head: Head) -> Head:
        """Whether nothing is left to do."""
        if head.state in (RunState.ENDED, RunState.CANCELLED) or head.open:
            return head
        if run.wish.state is RunState.CANCELLED:
            return replace(head, state=RunState.CANCELLED, ended_at=self._parts.clock())
        retrying = run.wish.retries > head.retried
        whole = run.spool.sealed or run.spool.error is not None
        if whole and head.fed == run.spool.parts and not retrying and head.state is RunState.RUNNING:
            return replace(head, state=RunState.ENDED, ended_at=self._parts.clock())
        return head


def _envelope(run: Run, job_id: str) -> Envelope:
    return Envelope(job_id, app_id=run.spool.app_id, priority=Priority(run.spool.priority), run_id=run.name)


def _pause_s(run: Run, head: Head, fed: int, now: datetime) -> float | None:
    """When the next turn is due; None where somebody else has to come first."""
    if head.open and (head.state is not RunState.PAUSED or _moves(head)):
        return FEEDING_S if fed or run.spool.reading else WAITING_S
    if head.state is not RunState.RUNNING:
        return None
    if fed or head.fed < run.spool.parts or run.wish.retries > head.retried or run.spool.reading:
        return FEEDING_S
    return WAITING_S if now - run.spool.updated_at < _SPOOL_IDLE else None


def _moves(head: Head) -> bool:
    """Whether jobs of a paused run haven't come to rest."""
    return any(
        tally.states.get(state) for tally in head.open.values() for state in (JobState.PENDING, JobState.RUNNING)
    )
