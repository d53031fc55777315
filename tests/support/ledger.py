"""The ledger check: every accepted message ends exactly once.

In the manner of Jepsen: what was sent is compared with every place where a job can be, after whatever was done to the
system in between.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from azure.servicebus import ServiceBusReceivedMessage

from shared.bootstrap import Backend, connect
from shared.config import Settings
from shared.errors import SluiceError
from shared.jobs.record import JobRecord
from shared.messaging.browser import QueueBrowser, browse


@dataclass
class Ledger:
    """What became of the jobs that were sent.

    Attributes:
        unfinished: jobs without a stored outcome.
        unpublished: outcomes that are stored but not published.
        duplicates: message ids that are more than once in the out queue.
        unmatched: published outcomes that differ from the stored one, or belong to no job that was sent.
        dead: messages left in dead-letter queues.
        statuses: how many jobs ended how.
        reasons: how many failed jobs have which error code.
        interruptions: runs that were cut off, over all jobs.
    """

    sent: int
    unfinished: list[str] = field(default_factory=list)
    unpublished: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    interruptions: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every job ended exactly once."""
        wrong = self.unfinished or self.unpublished or self.duplicates or self.unmatched or self.dead
        return not wrong and sum(self.statuses.values()) == self.sent

    def summary(self) -> str:
        """One line for people."""
        return (
            f"{self.sent} sent, {dict(self.statuses)}, reasons {dict(self.reasons)}, "
            f"{len(self.unfinished)} unfinished, "
            f"{len(self.unpublished)} unpublished, {len(self.duplicates)} published twice, {len(self.unmatched)} "
            f"unmatched, {len(self.dead)} dead letters, {self.interruptions} interrupted runs"
        )


async def settle_ledger(
    env: Mapping[str, str], kind: str, job_ids: Sequence[str], *, timeout_s: float, exclusive: bool = False
) -> Ledger:
    """Wait until every job has ended and is published, or time is up, then take stock.

    Args:
        exclusive: whether the system had no other jobs than these, so that any other outcome is one too many.
    """
    deadline = time.monotonic() + timeout_s
    backend = await connect(Settings.from_env(env))
    open_ids = list(job_ids)
    try:
        while True:
            ledger = Ledger(len(job_ids))
            try:
                ended = {r.job_id for r in await _records(backend, kind, open_ids) if r.state.final and r.published_at}
                open_ids = [job_id for job_id in open_ids if job_id not in ended]
                if not open_ids or time.monotonic() > deadline:
                    records = await _records(backend, kind, job_ids)  # those seen earlier, too, as they are now
                    await _take_stock(backend, kind, job_ids, records, ledger, exclusive=exclusive)
                    return ledger
            except SluiceError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.3)
    finally:
        await backend.close()


async def _records(backend: Backend, kind: str, job_ids: Sequence[str]) -> list[JobRecord]:
    turns = asyncio.Semaphore(16)

    async def one(job_id: str) -> JobRecord | None:
        async with turns:
            return await backend.store.get(kind, job_id)

    return [r for r in await asyncio.gather(*(one(i) for i in job_ids)) if r is not None]


async def _take_stock(
    backend: Backend, kind: str, job_ids: Sequence[str], records: list[JobRecord], ledger: Ledger, *, exclusive: bool
) -> None:
    by_id = {r.job_id: r for r in records}
    for job_id in job_ids:
        record = by_id.get(job_id)
        if record is None or not record.state.final or record.outcome is None:
            ledger.unfinished.append(job_id)
            continue
        ledger.statuses[str(record.state)] += 1
        ledger.interruptions += record.interruptions
        if record.error_code:
            ledger.reasons[record.error_code] += 1
        if record.published_at is None:
            ledger.unpublished.append(job_id)
    queues = backend.kinds[kind].queues
    published: Counter[str] = Counter()
    async with browse(backend.settings.service_bus) as browser:
        # Side by side: opening and closing each takes the SDK a second.
        names = (queues.inbox, queues.run, queues.outbox)
        outcomes, *dead = await asyncio.gather(
            _peek(browser, queues.outbox), *(_peek(browser, name, dead_letters=True) for name in names)
        )
    for message in outcomes:
        outcome = json.loads(b"".join(message.body))
        record = by_id.get(outcome["job_id"])
        if record is None and not exclusive:
            continue
        published[message.message_id or ""] += 1
        if record is None or (
            message.message_id == record.outcome_message_id and outcome["status"] != str(record.state)
        ):
            ledger.unmatched.append(outcome["job_id"])
    for queue, letters in zip(names, dead, strict=True):
        ledger.dead += [f"{queue}: {message.message_id}" for message in letters]
    ledger.duplicates = [i for i, count in published.items() if count > 1]
    ledger.unpublished += [i for i, r in by_id.items() if r.published_at and not published[r.outcome_message_id]]


async def _peek(browser: QueueBrowser, queue: str, *, dead_letters: bool = False) -> list[ServiceBusReceivedMessage]:
    return [message async for message in browser.peek(queue, dead_letters=dead_letters)]
