"""Records survive the trip through a table row; ids survive the trip into table keys."""

from datetime import UTC, datetime
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.pending_call import PendingCall
from shared.jobs.record import JobRecord, JobState, partition_key, row_key
from shared.jobs.store import failure_key
from shared.messages import Envelope, Priority
from shared.storage.payloads import Payload

ids = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=128)


@given(job_id=ids)
def test_row_keys_are_legal_and_reversible(job_id: str) -> None:
    key = row_key(job_id)
    assert not set("/\\#?%\t\n\r ") & set(key)
    assert unquote(key.replace("=", "%")) == job_id
    assert partition_key("feedback", job_id).startswith("feedback-")


@given(
    job_id=ids,
    state=st.sampled_from(JobState),
    priority=st.sampled_from(Priority),
    body=st.one_of(
        st.builds(Payload, st.integers(0, 10), st.text(max_size=5), inline=st.text(max_size=10)),
        st.builds(Payload, st.integers(0, 10), st.text(max_size=5), blob=st.text(min_size=1, max_size=10)),
    ),
)
def test_records_survive_the_row(job_id: str, state: JobState, priority: Priority, body: Payload) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    record = JobRecord.new("feedback", Envelope(job_id, priority=priority, app_id="a"), body, now)
    record = record.changed(now, state=state, draft=body, not_before=now)
    assert JobRecord.from_row(record.to_row(), None) == record


def test_newer_columns_are_ignored() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    record = JobRecord.new("feedback", Envelope("j"), Payload(0, "", inline=""), now)
    assert JobRecord.from_row({**record.to_row(), "colour": "red"}, None) == record


@given(job_id=ids)
def test_message_ids_fit_service_bus(job_id: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    record = JobRecord.new("feedback", Envelope(job_id), Payload(0, "", inline=""), now)
    first = PendingCall.of(record).run_message().message_id
    assert len(first) <= 128
    assert first != PendingCall.of(record.changed(now, booking=2)).run_message().message_id


def test_newer_failures_sort_first() -> None:
    older = failure_key(datetime(2026, 1, 1, tzinfo=UTC), "a", 0)
    newer = failure_key(datetime(2026, 1, 2, tzinfo=UTC), "a", 0)
    assert newer < older
