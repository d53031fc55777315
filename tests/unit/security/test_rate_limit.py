"""The limit of each caller, shared by processes that see one row."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from shared.errors import StorageError
from shared.security.bucket_rows import KeptBucket
from shared.security.rate_limit import RateLimitCache
from shared.security.token_bucket import Bucket, Rate


class MemoryRows:
    """BucketRows with ETags. Every operation lets others go first."""

    def __init__(self) -> None:
        self.rows: dict[str, KeptBucket] = {}
        self.failing = False
        self.operations = 0

    async def _turn(self) -> None:
        self.operations += 1
        await asyncio.sleep(0)
        if self.failing:
            raise StorageError("The table is away.")

    async def read(self, key: str) -> KeptBucket | None:
        await self._turn()
        return self.rows.get(key)

    async def write(self, key: str, bucket: Bucket, etag: str | None) -> str | None:
        await self._turn()
        current = self.rows.get(key)
        if (current.etag if current else None) != etag:
            return None
        self.rows[key] = KeptBucket(bucket, str(self.operations))
        return str(self.operations)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1e9

    def __call__(self) -> float:
        return self.now_s


async def test_as_in_the_source_documents() -> None:
    cache = RateLimitCache(MemoryRows(), Clock())
    result = await cache.check_rate_limit("user:123", limit=100, window_seconds=3600)
    assert (result.allowed, result.limit, result.remaining, result.retry_after_s) == (True, 100, 99, 0.0)


async def test_the_limit_holds_and_fills_up_again() -> None:
    clock = Clock()
    cache = RateLimitCache(MemoryRows(), clock)
    answers = [await cache.check_rate_limit("a", 5, 60) for _ in range(8)]
    assert [answer.allowed for answer in answers] == [True] * 5 + [False] * 3
    assert (answers[-1].remaining, answers[-1].retry_after_s, answers[-1].reset_s) == (0, 12.0, 60.0)
    assert (await cache.check_rate_limit("b", 5, 60)).allowed, "somebody else's is another"
    clock.now_s += 12.0
    assert (await cache.check_rate_limit("a", 5, 60)).allowed
    assert not (await cache.check_rate_limit("a", 5, 60)).allowed


async def test_a_slow_table_refuses_nobody() -> None:
    clock = Clock()

    class SlowRows(MemoryRows):
        async def write(self, key: str, bucket: Bucket, etag: str | None) -> str | None:
            clock.now_s += 8.0
            return await super().write(key, bucket, etag)

    cache = RateLimitCache(SlowRows(), clock)
    assert all([(await cache.check_rate_limit("a", 100, 60)).allowed for _ in range(3)])


async def test_processes_share_it() -> None:
    rows, clock = MemoryRows(), Clock()
    caches = [RateLimitCache(rows, clock) for _ in range(4)]
    answers = await asyncio.gather(*(caches[n % 4].check_rate_limit("a", 200, 60) for n in range(400)))
    granted = sum(answer.allowed for answer in answers)
    # What a process has taken and not used may be lost: 2 % of the limit each.
    assert 200 - 4 * 4 <= granted <= 200
    assert rows.operations < 400


async def test_who_asks_seldom_takes_one_at_a_time_and_nobody_loses_many() -> None:
    rows, clock = MemoryRows(), Clock()
    cache = RateLimitCache(rows, clock)
    for _ in range(10):
        clock.now_s += 10
        assert (await cache.check_rate_limit("a", 600, 60)).allowed
        (kept,) = rows.rows.values()
        assert kept.bucket.left == 599


async def test_a_refusal_costs_storage_nothing() -> None:
    rows, clock = MemoryRows(), Clock()
    cache = RateLimitCache(rows, clock)
    for _ in range(3):
        await cache.check_rate_limit("a", 3, 60)
    before = rows.operations
    assert not any([(await cache.check_rate_limit("a", 3, 60)).allowed for _ in range(50)])
    assert rows.operations == before


async def test_without_storage_each_process_counts_by_itself() -> None:
    rows, clock = MemoryRows(), Clock()
    rows.failing = True
    cache = RateLimitCache(rows, clock)
    assert sum([(await cache.check_rate_limit("a", 5, 60)).allowed for _ in range(9)]) == 5
    rows.failing = False
    clock.now_s += 60
    assert (await cache.check_rate_limit("a", 5, 60)).allowed
    assert len(rows.rows) == 1


async def test_memory_is_bounded() -> None:
    rows = MemoryRows()
    cache = RateLimitCache(rows, Clock())
    for number in range(10_050):
        cache._entry(str(number))
    assert len(cache._entries) <= 10_000


@given(
    st.integers(1, 50),
    st.floats(1, 100),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 10)), max_size=60),
)
def test_never_more_than_a_full_bucket_and_what_flowed_in(
    limit: int, window_s: float, asked: list[tuple[float, int]]
) -> None:
    rate, now_s, taken = Rate(limit, window_s), 0.0, 0
    bucket = Bucket.full(rate, now_s)
    for passed_s, most in asked:
        now_s += passed_s
        got, bucket = bucket.at(rate, now_s).take(most)
        taken += got
        assert 0 <= bucket.left <= limit
        assert taken <= limit + now_s * limit / window_s + 1e-6
        assert got == most or bucket.left < 1


def test_a_clock_that_is_behind_adds_nothing() -> None:
    rate = Rate(10, 60)
    later = Bucket(3.0, 100.0)
    assert later.at(rate, 40.0) == later
