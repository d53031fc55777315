"""What intake makes of messages: every one becomes a job record, good or bad."""

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import MessagingError, StorageError
from shared.jobs.intake import Delivery
from shared.jobs.lifecycle import TOO_MANY_DELIVERIES
from shared.jobs.record import JobState
from shared.messages import Envelope
from tests.unit.jobs.conftest import TPM, System

BAD_BODIES = {
    "empty": (b"", "invalid_message", None, "no body"),
    "not json": (b"hello", "invalid_message", None, "not JSON"),
    "not utf-8": (b'{"text": "\xff"}', "invalid_message", None, "not JSON"),
    "an array": (b"[1]", "invalid_message", None, "must be a JSON object"),
    "no text": (b"{}", "invalid_message", "text", "text is missing"),
    "blank text": (b'{"text": "  "}', "invalid_message", "text", "is empty"),
    "text of a wrong type": (b'{"text": 5}', "invalid_message", "text", "text is wrong"),
    "oversized text": (b'{"text": "' + b"x" * 1001 + b'"}', "invalid_message", "text", "1000 are allowed"),
    "unknown field": (b'{"text": "a", "txet": "b"}', "invalid_message", "txet", "unknown"),
    "bad date": (b'{"text": "a", "created_at": "soon"}', "invalid_message", "created_at", "created_at is wrong"),
    "not a number": (b'{"text": "a", "rating": NaN}', "invalid_message", "rating", "rating is wrong"),
    "nested too deeply": (
        b'{"text":"a","metadata":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}",
        "invalid_message",
        None,
        "",
    ),
}


@pytest.mark.parametrize(("body", "code", "field", "text"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_bad_body_is_a_failed_job_that_keeps_the_original(
    system: System, body: bytes, code: str, field: str | None, text: str
) -> None:
    await system.send(body)
    record = system.record()
    assert record.state is JobState.FAILED
    assert await system.failed_jobs.body(record) == body
    (outcome,) = system.published
    assert outcome["error"]["code"] == code
    assert outcome["error"].get("field") == field
    assert text in outcome["error"]["message"]
    assert system.sender.queues["run"] == []


@given(body=st.binary(max_size=200))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_bytes_become_exactly_one_record(system: System, body: bytes) -> None:
    job_id = hashlib.sha256(body).hexdigest()
    await system.send(body, job_id=job_id)
    record = system.record(job_id)
    assert await system.failed_jobs.body(record) == body
    assert (record.state is JobState.FAILED) == (record.outcome is not None)


async def test_duplicate_message_sends_no_second_run(system: System) -> None:
    await system.send({"text": "a"})
    await system.send({"text": "a"})
    assert len(system.sender.queues["run"]) == 1


async def test_crash_between_store_and_send_is_mended_by_redelivery(system: System) -> None:
    system.sender.failing = True
    with pytest.raises(MessagingError):
        await system.send({"text": "a"})
    assert system.record().state is JobState.PENDING
    system.sender.failing = False
    await system.send({"text": "a"})
    assert await system.run_all() == 1


async def test_redelivery_after_the_end_does_nothing(system: System) -> None:
    await system.send({"text": "a"})
    await system.run_all()
    await system.send({"text": "a"})
    assert system.sender.queues["run"] == []
    assert len(system.published) == 1


async def test_rejected_job_that_was_not_published_is_published_by_redelivery(system: System) -> None:
    system.sender.failing = True
    with pytest.raises(MessagingError):
        await system.send(b"oops")
    system.sender.failing = False
    await system.send(b"oops")
    assert len(system.published) == 1


async def test_one_bad_message_does_not_hold_up_its_batch(system: System) -> None:
    bodies = [b'{"text": "a"}', b"bad", b'{"text": "b"}']
    await system.intake.accept("stub", [Delivery(Envelope(f"j{i}"), body) for i, body in enumerate(bodies)])
    assert [m.message_id for m in system.sender.queues["run"]] == ["j0:1:1", "j2:1:1"]
    assert len(system.published) == 1


async def test_storage_failure_raises_and_loses_nothing(system: System) -> None:
    system.store.failing = True
    with pytest.raises(StorageError):
        await system.send({"text": "a"})
    system.store.failing = False
    await system.send({"text": "a"})
    assert await system.run_all() == 1


async def test_claim_check_body_is_fetched_and_verified(system: System) -> None:
    body = b'{"text": "by reference"}'
    system.claims.blobs["b1"] = body
    await system.send(b"", claim_check="b1", claim_check_sha256=hashlib.sha256(body).hexdigest())
    await system.run_all()
    assert system.published[0]["result"]["echo"] == "by reference"


@pytest.mark.parametrize(
    ("blob", "digest", "text"),
    [("missing", None, "no blob"), ("b1", "0" * 64, "SHA-256"), ("huge", None, "too large")],
)
async def test_bad_claim_check_is_a_failed_job(system: System, blob: str, digest: str | None, text: str) -> None:
    system.claims.blobs = {"b1": b'{"text": "a"}', "huge": b"x" * 100_001}
    await system.send(b"", claim_check=blob, claim_check_sha256=digest)
    assert text in system.published[0]["error"]["message"]


async def test_a_call_that_is_larger_than_the_quota_fails_at_once(system: System) -> None:
    # The stub's estimate is the number of characters.
    system.kind.estimate = lambda *_: TPM + 1  # type: ignore[method-assign,assignment]
    await system.send({"text": "a"})
    assert system.published[0]["error"]["code"] == "oversized_request"
    assert str(TPM) in system.published[0]["error"]["message"]
    assert system.pending.calls == {}


@pytest.mark.parametrize(("reason", "count"), [("TTLExpiredException", 3), (TOO_MANY_DELIVERIES, 101)])
async def test_dead_letter_of_an_unknown_job_is_a_failed_job(system: System, reason: str, count: int) -> None:
    delivery = Delivery(Envelope("j1"), b'{"text": "a"}', count)
    await system.intake.accept("stub", [delivery], dead_letter=reason)
    assert system.published[0]["error"]["code"] == "abandoned"
    assert reason in system.published[0]["error"]["message"]


async def test_dead_letter_that_an_outage_made_is_taken_in(system: System) -> None:
    delivery = Delivery(Envelope("j1"), b'{"text": "a"}', 100)
    await system.intake.accept("stub", [delivery], dead_letter=TOO_MANY_DELIVERIES)
    await system.run_all()
    assert [outcome["status"] for outcome in system.published] == ["succeeded"]


async def test_dead_letter_of_a_pending_job_lets_it_go_on(system: System) -> None:
    await system.send({"text": "a"})
    await system.intake.accept("stub", [Delivery(Envelope("j1"), b'{"text": "a"}')], dead_letter="TTLExpired")
    assert await system.run_all() == 1
    assert system.published[0]["status"] == "succeeded"


def test_envelope_tolerates_odd_properties() -> None:
    envelope = Envelope.from_message("j", {"priority": "urgent!", "app_id": 7, "run_id": "", "x": None})
    assert (envelope.priority, envelope.app_id, envelope.run_id) == ("normal", "7", None)
