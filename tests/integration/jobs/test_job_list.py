"""The list of jobs on real tables: pages, counts that agree with it whatever is lost, and what puts it right."""

import asyncio
import random
import secrets
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.errors import StorageError
from shared.jobs.job_list import JobList, ListQuery
from shared.jobs.list_entry import LIST_TABLE, ListEntry, partitions
from shared.jobs.list_sweep import CountsFold, ListSweep
from shared.jobs.record import JobRecord, JobState
from shared.jobs.store import TableJobStore
from shared.messages import Envelope
from shared.storage.payloads import Payload
from tests.support.azurite import Azurite
from tests.support.flaky_transport import FlakyTransport

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PENDING, _, RUNNING, SUCCEEDED, FAILED, CANCELLED = JobState


@pytest.fixture
def kind() -> str:
    """Names partitions of the test's own."""
    return f"k{secrets.token_hex(4)}"


class Lists:
    """A store and its list, and a look at the rows."""

    def __init__(self, service: TableServiceClient, kind: str) -> None:
        self.service = service
        self.kind = kind
        self.list = JobList(service)
        self.store = TableJobStore(service, self.list)

    def job(self, job_id: str, *, age_s: float = 0.0, app_id: str | None = "shop") -> JobRecord:
        body = Payload(2, "", inline="{}")
        return JobRecord.new(self.kind, Envelope(job_id, app_id=app_id), body, NOW - timedelta(seconds=age_s))

    async def entries(self) -> dict[str, list[JobState]]:
        """The states in which the rows of the list have each job, all their rows checked."""
        rows: dict[tuple[str, str], ListEntry] = {}
        for partition in partitions(self.kind):
            query = self.service.get_table_client(LIST_TABLE).query_entities(f"PartitionKey eq '{partition}'")
            async for row in query:
                if not row["RowKey"].startswith("c:"):
                    rows[partition, row["RowKey"]] = ListEntry.from_row(self.kind, row)
        found: dict[str, list[JobState]] = {}
        expected: set[tuple[str, str]] = set()
        for (partition, key), entry in rows.items():
            if key.startswith("s:"):
                state = JobState(key.split(":")[1])
                found.setdefault(entry.job_id, []).append(state)
                expected |= {(partition, other) for other in entry.keys(state)}
        assert expected == set(rows)
        return found

    async def check(self, states: dict[str, JobState]) -> None:
        """The list has these jobs and no others, and the counts agree."""
        await self.list.writer.close()
        assert await self.entries() == {job_id: [state] for job_id, state in states.items()}
        assert (await self.list.counts(self.kind)).states == Counter(states.values())


@pytest.fixture
async def lists(tables: TableServiceClient, kind: str) -> Lists:
    found = Lists(tables, kind)
    await found.store.prepare()
    return found


async def test_the_list_follows_a_job(lists: Lists) -> None:
    pending = await lists.store.add(lists.job("one"))
    assert pending is not None
    await lists.check({"one": PENDING})
    assert await lists.list.oldest(lists.kind, PENDING) == NOW
    running = await lists.store.update(pending.changed(NOW, state=RUNNING))
    await lists.check({"one": RUNNING})
    assert await lists.list.oldest(lists.kind, PENDING) is None
    ended = await lists.store.update(running.changed(NOW, state=SUCCEEDED))
    await lists.check({"one": SUCCEEDED})
    published = await lists.store.update(ended.changed(NOW, published_at=NOW))
    await lists.check({"one": SUCCEEDED})
    await lists.store.remove(published)
    await lists.check({})


async def test_a_quick_job_is_never_listed_as_running(lists: Lists) -> None:
    pending = await lists.store.add(lists.job("one"))
    assert pending is not None
    running = await lists.store.update(pending.changed(NOW, state=RUNNING))
    again = await lists.store.update(running.changed(NOW, state=PENDING))
    assert await lists.entries() == {"one": [PENDING]}
    running = await lists.store.update(again.changed(NOW, state=RUNNING))
    await lists.store.update(running.changed(NOW, state=FAILED))
    await lists.check({"one": FAILED})
    minutes = (await lists.list.counts(lists.kind)).minutes
    assert [sum(column) for column in zip(*minutes.values(), strict=True)] == [1, 0, 1, 0]


async def test_discarding_and_replaying(lists: Lists) -> None:
    failed = await lists.store.add(lists.job("one").changed(NOW, state=FAILED, published_at=NOW))
    assert failed is not None
    again = await lists.store.update(failed.changed(NOW, state=PENDING, published_at=None))
    await lists.check({"one": PENDING})
    failed = await lists.store.update(again.changed(NOW, state=FAILED, published_at=NOW))
    await lists.store.update(failed.changed(NOW, state=CANCELLED))
    await lists.check({"one": CANCELLED})


async def test_pages(lists: Lists) -> None:
    jobs = [lists.job(f"j{n:02d}", age_s=n, app_id=["shop", "forum", None][n % 3]) for n in range(40)]
    for job in random.sample(jobs, len(jobs)):
        state = SUCCEEDED if int(job.job_id[1:]) % 2 else PENDING
        assert await lists.store.add(job.changed(NOW, state=state)) is not None
    names = [job.job_id for job in jobs]  # newest first

    async def walk(most: int, **query: object) -> list[str]:
        found: list[str] = []
        after = None
        while page := await lists.list.page(ListQuery([lists.kind], after=after, **query), most):  # type: ignore[arg-type]
            found += [listed.entry.job_id for listed in page]
            after = page[-1].position
            assert len(page) <= most
        return found

    assert await walk(7) == await walk(1000) == names
    assert await walk(3, states=[SUCCEEDED]) == names[1::2]
    assert await walk(3, apps=["forum"]) == names[1::3]
    assert await walk(5, apps=["forum", "shop"]) == [name for name in names if int(name[1:]) % 3 != 2]
    assert await walk(3, apps=["forum"], states=[PENDING]) == names[4::6]
    assert await walk(3, apps=["nobody's"]) == await walk(3, apps=[]) == []
    assert await walk(3, since=NOW - timedelta(seconds=5)) == names[:6]
    for far, expected in ((datetime(1, 1, 1, tzinfo=UTC), names), (datetime(9999, 1, 1, tzinfo=UTC), [])):
        assert await walk(20, since=far) == expected, "beyond what keys can say"
    assert await lists.list.oldest(lists.kind, PENDING) == NOW - timedelta(seconds=38)


async def test_jobs_of_one_moment_are_all_listed(lists: Lists) -> None:
    await asyncio.gather(*(lists.store.add(lists.job(f"j{n}")) for n in range(50)))
    found: set[str] = set()
    after = None
    while page := await lists.list.page(ListQuery([lists.kind], after=after), 7):
        assert not found & {listed.entry.job_id for listed in page}
        found |= {listed.entry.job_id for listed in page}
        after = page[-1].position
    assert found == {f"j{n}" for n in range(50)}


async def test_many_at_once_need_few_transactions(lists: Lists, shared_azurite: Azurite) -> None:
    transport = FlakyTransport(random.Random(1), 0, 0, methods=())
    sent = 0
    original = transport.send

    async def counting(request: object, **kwargs: object) -> object:
        nonlocal sent
        sent += "$batch" in request.url  # type: ignore[attr-defined]
        return await original(request, **kwargs)

    transport.send = counting  # type: ignore[method-assign]
    async with TableServiceClient.from_connection_string(
        shared_azurite.connection_string, transport=transport
    ) as service:
        busy = Lists(service, lists.kind)
        await asyncio.gather(*(busy.store.add(busy.job(f"j{n}")) for n in range(200)))
    assert sent < 100
    await lists.check({f"j{n}": PENDING for n in range(200)})


async def test_what_was_cut_off_is_put_right_by_whoever_takes_the_job_up(lists: Lists, shared_azurite: Azurite) -> None:
    """A process that writes the row and dies before the list."""
    lost = FlakyTransport(random.Random(1), 0, 0)

    async def dead(request: object, **kwargs: object) -> object:
        if "$batch" in request.url:  # type: ignore[attr-defined]
            raise StorageError("The process is dead.")
        return await FlakyTransport.send(lost, request, **kwargs)

    lost.send = dead  # type: ignore[method-assign]
    async with TableServiceClient.from_connection_string(shared_azurite.connection_string, transport=lost) as service:
        dying = Lists(service, lists.kind)
        with pytest.raises(StorageError):
            await dying.store.add(dying.job("new"))
        record = await lists.store.get(lists.kind, "new")
        assert record is not None
        await lists.store.relist(record)
        await lists.check({"new": PENDING})

        await dying.store.update(record.changed(NOW, state=RUNNING))
        await dying.list.writer.close()
        record = await lists.store.get(lists.kind, "new")
        assert record is not None
        await lists.check({"new": PENDING})  # nobody hears of it before its next change
        with pytest.raises(StorageError):
            await dying.store.update(record.changed(NOW, state=SUCCEEDED))
        record = await lists.store.get(lists.kind, "new")
        assert record is not None
        await lists.store.update(record.changed(NOW, published_at=NOW))
        await lists.check({"new": SUCCEEDED})


@pytest.mark.parametrize("seed", range(4))
async def test_counts_agree_with_the_list_whatever_is_lost(lists: Lists, shared_azurite: Azurite, seed: int) -> None:
    """Three processes move jobs at once, over a net that loses requests and answers, with or without retries."""
    rng = random.Random(seed)
    states: dict[str, JobState] = {}
    options = {"retry_total": rng.choice([0, 3]), "retry_backoff_factor": 0.01}
    async with (
        TableServiceClient.from_connection_string(
            shared_azurite.connection_string, transport=FlakyTransport(rng, 0.1, 0.1), **options
        ) as one,
        TableServiceClient.from_connection_string(
            shared_azurite.connection_string, transport=FlakyTransport(rng, 0.0, 0.3), **options
        ) as two,
    ):
        writers = [JobList(service).writer for service in (one, two, lists.service)]

        async def live(job_id: str) -> None:
            entry = ListEntry.of(lists.job(job_id, age_s=rng.random() * 100))
            at: JobState | None = None
            for _ in range(rng.randint(1, 6)):
                to = rng.choice([*JobState, None])
                guess = rng.choice([at, at, at, rng.choice(list(JobState))])
                while True:
                    try:
                        if to is not guess:
                            await rng.choice(writers).move(entry, guess, to)
                        else:
                            await rng.choice(writers).settle(entry, to)
                        break
                    except StorageError:
                        await asyncio.sleep(0)
                at = to
            if at is not None:
                states[job_id] = at

        await asyncio.gather(*(live(f"j{n}") for n in range(25)))
        for writer in writers:
            await writer.close()
    await lists.check(states)


async def test_counts_of_processes_that_ended_are_folded(lists: Lists, tables: TableServiceClient) -> None:
    stores = [TableJobStore(tables) for _ in range(3)]
    for n in range(30):
        added = await stores[n % 3].add(lists.job(f"j{n}"))
        assert added is not None
        await stores[(n + 1) % 3].update(added.changed(NOW, state=SUCCEEDED))
    before = await lists.list.counts(lists.kind)
    assert before.states == {SUCCEEDED: 30}
    later = datetime.now(UTC) + timedelta(hours=3)
    folded = [await CountsFold(tables, part, lambda: later).page(later, None) for part in partitions(lists.kind)]
    assert sum(swept.deleted for swept in folded) >= 3
    assert (await lists.list.counts(lists.kind)).states == before.states
    assert not sum(
        [(await CountsFold(tables, p, lambda: later).page(later, None)).deleted for p in partitions(lists.kind)]
    )
    # A process that was only idle goes on.
    for n in range(30, 40):
        await stores[n % 3].add(lists.job(f"j{n}"))
    await lists.check({f"j{n}": SUCCEEDED if n < 30 else PENDING for n in range(40)})


async def test_old_entries_without_a_job_are_swept(lists: Lists) -> None:
    day = 86_400.0
    old, young = lists.job("old", age_s=3 * day), lists.job("young", age_s=day / 2)
    kept = await lists.store.add(lists.job("kept", age_s=4 * day).changed(NOW, state=FAILED))
    for job in (old, young):
        await lists.list.writer.move(ListEntry.of(job), None, SUCCEEDED)
    wrong = await lists.store.add(lists.job("wrong", age_s=3 * day))
    assert kept is not None
    assert wrong is not None
    await lists.list.writer.move(ListEntry.of(wrong), PENDING, SUCCEEDED)
    mended = 0
    for partition in partitions(lists.kind):
        for state in JobState:
            sweep = ListSweep(lists.store, lists.list, lists.kind, partition, state)
            mended += (await sweep.page(NOW - timedelta(days=1), None)).deleted
    assert mended == 2
    await lists.check({"young": SUCCEEDED, "kept": FAILED, "wrong": PENDING})


async def test_a_list_that_cannot_be_written_is_said(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    service = TableServiceClient.from_connection_string(
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=Yg==;TableEndpoint=http://127.0.0.1:1/a", retry_total=0
    )
    async with service:
        lists = Lists(service, kind)
        with pytest.raises(StorageError):
            await lists.list.writer.move(ListEntry.of(lists.job("one")), None, PENDING)
        lists.list.writer.note(ListEntry.of(lists.job("one")), PENDING, RUNNING)
        await lists.list.writer.close()
    assert "list_not_written" in caplog.text
