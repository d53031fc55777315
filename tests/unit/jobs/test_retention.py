"""What is due, and how a purge uses its time and goes on after an end."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import StorageError
from shared.jobs.record import JobRecord, JobState, job_id_of, partition_key, partitions, row_key
from shared.jobs.retention import Position, Retention, Swept, is_due
from shared.messages import Envelope
from shared.storage.payloads import Payload

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEEP = timedelta(days=30)
CUTOFF = NOW - KEEP
OLD = CUTOFF - timedelta(seconds=1)


def _record(updated_at: datetime = OLD, **changes: Any) -> JobRecord:
    record = JobRecord.new("feedback", Envelope("j"), Payload(0, "", inline=""), OLD)
    return record.changed(updated_at, **{"state": JobState.SUCCEEDED, "published_at": OLD, **changes})


@pytest.mark.parametrize("state", list(JobState), ids=str)
def test_only_what_has_ended_is_due(state: JobState) -> None:
    assert is_due(_record(state=state), CUTOFF) == state.final


def test_only_what_is_published_and_old_is_due() -> None:
    assert not is_due(_record(published_at=None), CUTOFF)
    assert not is_due(_record(updated_at=CUTOFF), CUTOFF)
    assert not is_due(_record(published_at=CUTOFF), CUTOFF)


class Pages:
    """A sweep of so many pages; each deletes one thing, and may do something else."""

    what = "things"

    def __init__(self, name: str, pages: int, clock: "Clock") -> None:
        self.name = name
        self.pages = pages
        self.clock = clock
        self.seen: list[str | None] = []
        self.error: Exception | None = None

    async def page(self, cutoff: datetime, after: str | None) -> Swept:
        assert cutoff == CUTOFF
        if self.error:
            raise self.error
        self.seen.append(after)
        self.clock.now_s += 10
        number = int(after or 0) + 1
        return Swept(1, str(number) if number < self.pages else None)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class MemoryBookmark:
    position: Position | None = None

    async def load(self) -> Position | None:
        return self.position

    async def save(self, position: Position | None) -> None:
        self.position = position


class Histories:
    """Durable history: says how many it purged, or fails."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.before: list[datetime] = []
        self.error = error
        self.hangs = hangs

    async def purge(self, before: datetime) -> int:
        self.before.append(before)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return 7


class Purge:
    """Three sweeps of two, three and one pages of 10 s each."""

    def __init__(self, longest_s: float, keep: timedelta | None = KEEP) -> None:
        self.clock = Clock()
        self.bookmark = MemoryBookmark()
        self.sweeps = [Pages("a", 2, self.clock), Pages("b", 3, self.clock), Pages("c", 1, self.clock)]
        self.history = Histories()
        self.retention = Retention(self.sweeps, self.bookmark, keep, longest_s, lambda: NOW, self.clock)

    async def night(self) -> tuple[bool, list[list[str | None]]]:
        for sweep in self.sweeps:
            sweep.seen = []
        purged = await self.retention.run(self.history)
        return purged.complete, [sweep.seen for sweep in self.sweeps]


async def test_one_night_for_all() -> None:
    purge = Purge(1000)
    purged = await purge.retention.run(purge.history)
    assert (purged.complete, purged.counts) == (True, {"things": 6, "histories": 7, "pages": 6})
    assert purge.history.before == [CUTOFF]
    assert purge.bookmark.position is None


async def test_the_next_night_goes_on_where_time_ran_out() -> None:
    purge = Purge(20)
    assert await purge.night() == (False, [[None, "1"], [], []])
    assert await purge.night() == (False, [[], [None, "1"], []])
    assert await purge.night() == (True, [[], ["2"], [None]])
    assert await purge.night() == (False, [[None, "1"], [], []])


async def test_each_night_does_at_least_a_page() -> None:
    purge = Purge(0.1)
    nights = [await purge.night() for _ in range(6)]
    assert [complete for complete, _ in nights] == [False] * 5 + [True]


async def test_after_an_error_the_next_night_begins_with_the_same_sweep() -> None:
    purge = Purge(1000)
    purge.sweeps[1].error = StorageError()
    with pytest.raises(StorageError):
        await purge.night()
    purge.sweeps[1].error = None
    assert await purge.night() == (True, [[], [None, "1", "2"], [None]])


async def test_a_position_that_is_no_more_means_the_beginning() -> None:
    purge = Purge(1000)
    purge.bookmark.position = Position("gone", "5")
    assert await purge.night() == (True, [[None, "1"], [None, "1", "2"], [None]])


async def test_for_ever_means_nothing_is_looked_at() -> None:
    purge = Purge(1000, keep=None)
    assert await purge.night() == (True, [[], [], []])
    assert purge.history.before == []


@pytest.mark.parametrize("history", [Histories(RuntimeError("500")), Histories(hangs=True)], ids=["fails", "hangs"])
async def test_jobs_have_their_turn_whatever_the_history_does(history: Histories) -> None:
    purge = Purge(0.2)
    purge.history = history
    purged = await purge.retention.run(history)
    assert purged.counts == {"histories": 0, "things": 1, "pages": 1}


@given(st.text())
def test_the_key_of_a_row_leads_back_to_its_job(job_id: str) -> None:
    assert job_id_of(row_key(job_id)) == job_id


@given(st.text())
def test_no_other_text_leads_to_a_job(key: str) -> None:
    job_id = job_id_of(key)
    assert job_id is None or row_key(job_id) == key


@given(st.text())
def test_every_job_is_in_a_partition_that_is_looked_through(job_id: str) -> None:
    assert partition_key("feedback", job_id) in partitions("feedback")
