"""Pending calls on real tables: the heads of all queues in order, whatever the apps are called."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.jobs.pending import PendingTable
from shared.jobs.pending_call import PendingCall
from shared.jobs.record import JobRecord
from shared.messages import Envelope, Priority
from shared.storage.payloads import Payload

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ODD_APPS = [
    "",
    "=",
    "=41",
    "a",
    "a-b",
    "a:b",
    "a:1:",
    "a;b",
    "p:a:1:",
    "a/b\\c#d?e",
    "größe 日本語 🎧",
    "x" * 61,
    "x" * 512,
    "é" * 512,
    "'; drop",
    " ",
]


@pytest.fixture
async def pending(tables: TableServiceClient) -> PendingTable:
    return PendingTable(tables)


def call(
    job_id: str,
    app: str | None = "shop",
    priority: Priority = Priority.NORMAL,
    *,
    age_s: float = 10,
    due_in_s: float | None = None,
    **changes: Any,
) -> PendingCall:
    envelope = Envelope(job_id, app_id=app, priority=priority, run_id="r", correlation_id="c", traceparent="00-1-2-01")
    record = JobRecord.new("feedback", envelope, Payload(0, "", inline=""), NOW - timedelta(seconds=age_s), 100)
    not_before = None if due_in_s is None else NOW + timedelta(seconds=due_in_s)
    return PendingCall.of(record.changed(NOW, not_before=not_before, **changes))


async def heads(
    pending: PendingTable, deployment: str, most: int = 600
) -> dict[tuple[str, str], tuple[list[str], bool]]:
    """Job ids and `more` by app and priority."""
    found = await pending.heads(deployment, NOW, most)
    named = {(q.app, str(q.priority)): ([c.job_id for c in q.calls], q.more) for q in found}
    assert len(named) == len(found), "each queue once"
    return named


async def test_heads_of_several_apps_and_priorities_in_the_order_in_which_they_came(
    pending: PendingTable, deployment: str
) -> None:
    calls = [
        call("s2", age_s=5),
        call("s1", age_s=9),
        call("s-high", priority=Priority.HIGH, age_s=1),
        call("s-low", priority=Priority.LOW, age_s=100),
        call("f1", "forum", age_s=3),
        call("nobody", None),
    ]
    await pending.put(deployment, calls)
    assert await heads(pending, deployment) == {
        ("shop", "high"): (["s-high"], False),
        ("shop", "normal"): (["s1", "s2"], False),
        ("shop", "low"): (["s-low"], False),
        ("forum", "normal"): (["f1"], False),
        ("", "normal"): (["nobody"], False),
    }
    assert await heads(pending, "another deployment") == {}


async def test_what_is_read_is_what_was_put(pending: PendingTable, deployment: str) -> None:
    first = call("a/b?c", attempt=3, booking=7)
    bare = replace(call("bare", None), run_id=None, correlation_id=None, traceparent=None)
    await pending.put(deployment, [first, bare])
    read = [c for queue in await pending.heads(deployment, NOW, 10) for c in queue.calls]
    assert sorted(read, key=lambda c: c.job_id) == [first, bare]
    assert await pending.get(deployment, [first.key, "p:gone:2:0000000000000:0:1"]) == {first.key: first}


@pytest.mark.parametrize(("count", "most", "more"), [(4, 3, True), (3, 3, True), (2, 3, False)])
async def test_more_says_that_others_may_be_behind(
    pending: PendingTable, deployment: str, count: int, most: int, more: bool
) -> None:
    calls = [call(f"j{i}", age_s=100 - i) for i in range(count)]
    await pending.put(deployment, [*calls, call("z", "zoo")])
    found = await heads(pending, deployment, most)
    assert found["shop", "normal"] == ([f"j{i}" for i in range(min(count, most))], more)
    assert found["zoo", "normal"] == (["z"], False)


async def test_calls_that_are_due_later_wait_and_say_when(pending: PendingTable, deployment: str) -> None:
    calls = [call("now"), call("later", due_in_s=30), call("soon", due_in_s=2), call("alone", "zoo", due_in_s=7)]
    await pending.put(deployment, calls)
    found = {q.app: q for q in await pending.heads(deployment, NOW, 10)}
    assert [c.job_id for c in found["shop"].calls] == ["now"]
    assert found["shop"].next_due_ms == int(NOW.timestamp() * 1000) + 2000
    assert (list(found["zoo"].calls), found["zoo"].next_due_ms) == ([], int(NOW.timestamp() * 1000) + 7000)
    assert not found["shop"].more
    assert not found["zoo"].more


async def test_apps_with_odd_names_have_queues_of_their_own(pending: PendingTable, deployment: str) -> None:
    for number, app in enumerate(ODD_APPS):
        await pending.put(deployment, [call(f"j{number}-{p}", app, p) for p in Priority])
    expected = {(app, str(p)): ([f"j{i}-{p}"], False) for i, app in enumerate(ODD_APPS) for p in Priority}
    # With a page that ends within a queue, and one that holds many.
    assert await heads(pending, deployment, 600) == expected
    assert {key: ids for key, (ids, _) in (await heads(pending, deployment, 1)).items()} == {
        key: ids for key, (ids, _) in expected.items()
    }
    assert await pending.count(deployment, 10_000) == dict.fromkeys(ODD_APPS, 3)


async def test_putting_again_changes_nothing(pending: PendingTable, deployment: str) -> None:
    calls = [call("a"), call("b", age_s=9)]
    await pending.put(deployment, calls)
    await pending.put(deployment, calls)
    assert await heads(pending, deployment) == {("shop", "normal"): (["a", "b"], False)}
    await pending.put(deployment, [call("a", booking=2)])  # the next call of the same job is another row
    assert await pending.count(deployment, 10) == {"shop": 3}


async def test_removing_counts_what_is_gone_already_as_done(pending: PendingTable, deployment: str) -> None:
    calls = [call(f"j{i:03d}", age_s=500 - i) for i in range(150)]
    await pending.put(deployment, calls)
    keys = [c.key for c in calls]
    await pending.remove(deployment, [])
    await pending.remove(deployment, keys[:1])
    # The first transaction has a row that is gone; the second is whole.
    await pending.remove(deployment, keys[:140])
    assert await heads(pending, deployment) == {("shop", "normal"): ([f"j{i}" for i in range(140, 150)], False)}
    await pending.remove(deployment, keys)
    await pending.remove(deployment, keys)
    assert await pending.count(deployment, 10) == {}


async def test_a_key_that_is_named_twice_is_removed(pending: PendingTable, deployment: str) -> None:
    first = call("twice")
    await pending.put(deployment, [first])
    await pending.remove(deployment, [first.key, first.key])
    assert await pending.count(deployment, 10) == {}


async def test_counting_ends_at_the_limit(pending: PendingTable, deployment: str) -> None:
    await pending.put(deployment, [call(f"j{i}") for i in range(7)])
    assert await pending.count(deployment, 5) == {"shop": 5}
    assert await pending.count(deployment, 50) == {"shop": 7}


async def test_queues_are_found_though_storage_gives_short_pages(
    pending: PendingTable, deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of Table storage may hold fewer rows than asked for, even none, and yet not be the last."""
    await pending.put(deployment, [call(f"j{i}", age_s=100 - i) for i in range(5)])
    _shorten_pages(pending, monkeypatch)
    assert await heads(pending, deployment) == {("shop", "normal"): ([f"j{i}" for i in range(5)], False)}
    assert await heads(pending, deployment, 4) == {("shop", "normal"): ([f"j{i}" for i in range(4)], True)}


def _shorten_pages(pending: PendingTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each query give an empty page first, then one row a page."""
    table = pending._table
    query = table.query_entities

    class Pages:
        def __init__(self, rows: Any) -> None:
            self._rows = rows

        def __aiter__(self) -> Any:
            return self._rows.__aiter__()

        async def by_page(self) -> Any:
            yield _rows([])
            async for row in self._rows:
                yield _rows([row])

    async def _rows(rows: Sequence[Any]) -> Any:
        for row in rows:
            yield row

    monkeypatch.setattr(table, "query_entities", lambda *args, **kwargs: Pages(query(*args, **kwargs)))
