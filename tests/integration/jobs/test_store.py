"""The job store on real tables: conditional writes, the index of failures, large payloads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from shared.config import Connection
from shared.errors import ConflictError, InvalidMessageError
from shared.jobs.record import JobRecord, JobState
from shared.jobs.store import TableJobStore
from shared.messages import Envelope
from shared.storage.azure import BlobContainer, blob_service, table_service
from shared.storage.payloads import INLINE_LIMIT_CHARS, Payload, PayloadStore
from tests.support.azurite import Azurite, azurite

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def store(shared_azurite: Azurite) -> AsyncIterator[TableJobStore]:
    async with table_service(Connection(shared_azurite.connection_string)) as service:
        store = TableJobStore(service)
        await store.prepare()
        await store.prepare()  # a second process finds the tables there
        yield store


def _job(job_id: str, body: str = "{}") -> JobRecord:
    payload = Payload(len(body), "", inline=body)
    return JobRecord.new("feedback", Envelope(job_id, app_id="shop", traceparent="00-a-b-01"), payload, NOW)


async def test_insert_is_once(store: TableJobStore) -> None:
    first = await store.add(_job("once/?#\\ é", '{"text": "a"}'))
    assert first is not None
    assert await store.add(_job("once/?#\\ é", "other")) is None
    read = await store.get("feedback", "once/?#\\ é")
    assert read == first
    assert read is not None
    assert read.body.inline == '{"text": "a"}'


async def test_insert_waits_for_a_storage_that_is_away() -> None:
    """The Tables SDK repeats neither inserts nor merges of its own accord."""
    with azurite() as storage:
        async with table_service(Connection(storage.connection_string)) as service:
            store = TableJobStore(service)
            await store.prepare()
            storage.kill()
            pending = _job("patient")
            adding = [asyncio.ensure_future(store.add(job)) for job in (pending, pending.changed(NOW, job_id="failed"))]
            failing = asyncio.ensure_future(store.add(_job("lost").changed(NOW, state=JobState.FAILED)))
            done, _ = await asyncio.wait([*adding, failing], timeout=0.5)
            assert not done
            storage.start()
            assert all(await asyncio.gather(*adding, failing))


async def test_update_is_conditional(store: TableJobStore) -> None:
    first = await store.add(_job("cond"))
    assert first is not None
    second = await store.update(first.changed(NOW, state=JobState.RUNNING))
    with pytest.raises(ConflictError):
        await store.update(first.changed(NOW, state=JobState.FAILED))
    third = await store.update(second.changed(NOW, state=JobState.PENDING, not_before=NOW))
    assert (await store.get("feedback", "cond")) == third
    await store.remove(third)
    with pytest.raises(ConflictError):
        await store.update(third)
    assert await store.get("feedback", "cond") is None


async def test_failures_are_listed_newest_first_and_only_while_failed(store: TableJobStore) -> None:
    records = {}
    for minute, name in enumerate(("old", "new", "mended")):
        record = await store.add(_job(name))
        assert record is not None
        when = NOW.replace(minute=minute)
        records[name] = await store.update(record.changed(when, state=JobState.FAILED, error_code="x"))
    await store.update(records["mended"].changed(NOW, state=JobState.PENDING))
    assert [r.job_id async for r in store.failures("feedback")] == ["new", "old"]


async def test_largest_inline_payload_fits_a_row(store: TableJobStore) -> None:
    text = "é" * INLINE_LIMIT_CHARS
    payload = Payload(len(text.encode()), "", inline=text)
    record = await store.add(_job("large").changed(NOW, body=payload, draft=payload, outcome=payload))
    assert record is not None
    read = await store.get("feedback", "large")
    assert read is not None
    assert read.outcome == payload


async def test_payloads_that_do_not_fit_become_blobs(shared_azurite: Azurite) -> None:
    async with blob_service(Connection(shared_azurite.connection_string)) as service:
        payloads = PayloadStore(BlobContainer(service, "large"), BlobContainer(service, "claims"), max_bytes=2_000_000)
        data = b"x" * 1_000_000
        payload = await payloads.keep("feedback/j/body", data)
        assert payload.blob is not None
        assert await payloads.load(payload) == data
        await payloads.leave("a/b.json", b"{}")
        assert await payloads.claim("a/b.json", None) == b"{}"
        with pytest.raises(InvalidMessageError, match="no blob"):
            await payloads.claim("missing", None)
        await payloads.leave("big", b"x" * 2_000_001)
        with pytest.raises(InvalidMessageError, match="2000000 are allowed"):
            await payloads.claim("big", None)
