"""Jobs of several calls: rounds, retries, repairs, crashes."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from shared.errors import InvalidOutputError, ModelRequestError, ModelTimeoutError, RateLimitedError
from shared.jobs.record import JobRecord, JobState
from shared.jobs.step_outputs import StepRecord
from shared.jobs.stepwise import billed
from shared.messages import Envelope, RunTicket
from shared.storage.payloads import Payload
from tests.support.step_world import StepWorld, TwoRounds


async def finished(world: StepWorld) -> StepWorld:
    await world.send()
    await world.run_all()
    return world


async def test_rounds_follow_each_other_and_the_result_is_published_once() -> None:
    world = await finished(StepWorld())
    (outcome,) = world.outcomes
    assert outcome["result"] == {"answer": "solve hello", "parts": 2}
    assert outcome["usage"] == {"input_tokens": 21, "output_tokens": 9}
    assert outcome["model"] == "stub-1"
    assert world.kind.called == Counter({"read-1": 1, "read-2": 1, "solve": 1})
    assert world.record().state is JobState.SUCCEEDED


def test_what_all_steps_used_is_billed() -> None:
    record = JobRecord.new("audio", Envelope("j1"), Payload(0, "", inline=""), datetime.now(UTC))
    kept = {"transcribe-0001": StepRecord(audio_s=60.5), "transcribe-0002": StepRecord(audio_s=3.0)}
    assert billed(record, kept).audio_s == 63.5
    after = billed(record, {"solve": StepRecord(input_tokens=7, output_tokens=3)})
    assert (after.input_tokens, after.output_tokens, after.audio_s) == (7, 3, None)


async def test_a_round_holds_nothing_of_the_contents() -> None:
    world = StepWorld()
    await world.send("a secret")
    record = await world.jobs.begin(RunTicket("stub", "j1", 1, 1))
    assert record is not None
    found = await world.jobs.next_round("stub", "j1", record.booking)
    assert found is not None
    assert "secret" not in str(found)
    assert [step["title"] for step in found["steps"]] == ["reading part 1", "reading part 2"]
    assert (found["behind"], found["total"]) == (0, 3)


async def test_a_transient_error_is_tried_again_and_then_fails_the_job() -> None:
    kind = TwoRounds(script={"solve": [ModelTimeoutError("slow")]})
    assert (await finished(StepWorld(kind))).outcomes[0]["status"] == "succeeded"
    assert kind.called["solve"] == 2
    kind = TwoRounds(script={"read-2": [ModelTimeoutError("slow")] * 3})
    (outcome,) = (await finished(StepWorld(kind))).outcomes
    assert outcome["error"]["code"] == ModelTimeoutError.code
    assert kind.called == Counter({"read-1": 1, "read-2": 3})
    assert outcome["usage"]["input_tokens"] == 4 * 7, "failed calls that were answered are billed"


async def test_a_permanent_error_fails_the_job_at_once_and_other_steps_are_not_called_any_more() -> None:
    kind = TwoRounds(script={"read-1": [ModelRequestError("no")]})
    (outcome,) = (await finished(StepWorld(kind))).outcomes
    assert outcome["error"]["code"] == ModelRequestError.code
    assert kind.called == Counter({"read-1": 1})


async def test_429s_are_no_attempts_but_bounded() -> None:
    kind = TwoRounds(script={"solve": [RateLimitedError("later", retry_after_s=3)] * 2})
    world = await finished(StepWorld(kind))
    assert world.outcomes[0]["status"] == "succeeded"
    assert world.throttled == [("gpt", 0, 3), ("gpt", 0, 3)]
    kind = TwoRounds(script={"solve": [RateLimitedError("later")] * 3})
    assert (await finished(StepWorld(kind))).outcomes[0]["status"] == "failed"


async def test_an_invalid_answer_is_repaired_once() -> None:
    invalid = InvalidOutputError("$.x is missing", field="$.x", output="{}")
    kind = TwoRounds(script={"solve": [invalid]})
    assert (await finished(StepWorld(kind))).outcomes[0]["status"] == "succeeded"
    assert kind.drafts[-1] is not None
    assert (kind.drafts[-1].output, kind.drafts[-1].error) == ("{}", "$.x is missing")
    kind = TwoRounds(script={"solve": [invalid, invalid]})
    (outcome,) = (await finished(StepWorld(kind))).outcomes
    assert outcome["error"]["code"] == InvalidOutputError.code
    assert kind.called["solve"] == 2


async def test_a_repair_that_can_never_be_let_through_is_not_tried() -> None:
    kind = TwoRounds(tokens=90, script={"solve": [InvalidOutputError("no", field="$", output="word " * 50)]})
    (outcome,) = (await finished(StepWorld(kind, tpm=100))).outcomes
    assert outcome["error"]["code"] == InvalidOutputError.code
    assert kind.called["solve"] == 1


async def test_a_step_that_is_larger_than_the_quota_fails_the_job() -> None:
    kind = TwoRounds()
    world = StepWorld(kind, tpm=1_000)
    await world.send()
    kind.tokens = 2_000
    await world.run_all()
    assert world.outcomes[0]["error"]["code"] == "oversized_request"
    assert not kind.called


@pytest.mark.parametrize("where", ["prepare", "round", "read-1", "finish"])
async def test_a_fault_of_the_code_is_a_failure_that_quotes_nothing(where: str) -> None:
    world = await finished(StepWorld(TwoRounds(script={where: [KeyError("hello")]})))
    assert world.outcomes[0]["error"]["code"] == "internal"
    assert "hello" not in world.outcomes[0]["error"]["message"]


async def test_preparation_that_fails_for_a_while_is_tried_again_later() -> None:
    world = StepWorld(TwoRounds(script={"prepare": [ModelTimeoutError("slow")]}))
    await world.send()
    assert await world.jobs.begin(RunTicket("stub", "j1", 1, 1)) is None
    message = world.sender.queues["run"][-1]
    assert message.not_before is not None
    assert message.message_id == "j1:2:2"
    await world.run_all()
    assert world.outcomes[0]["status"] == "succeeded"


async def test_a_run_message_that_comes_again_starts_the_same_orchestration_until_the_end() -> None:
    world = StepWorld()
    await world.send()
    ticket = RunTicket("stub", "j1", 1, 1)
    first, second = await world.jobs.begin(ticket), await world.jobs.begin(ticket)
    assert first is not None
    assert second is not None
    assert first.booking == second.booking
    await world.drive(first)
    assert await world.jobs.begin(ticket) is None
    assert len(world.outcomes) == 1


async def test_an_interrupted_preparation_begins_anew_under_another_booking() -> None:
    world = StepWorld()
    await world.send()
    record = world.record()
    world.store.port.rows["stub", "j1"] = record.changed(record.updated_at, state=JobState.RUNNING)
    assert await world.jobs.begin(RunTicket("stub", "j1", 1, 1)) is None
    assert (world.record().booking, world.record().interruptions) == (2, 1)
    await world.run_all()
    assert world.outcomes[0]["status"] == "succeeded"


async def test_an_orchestration_of_an_older_booking_ends_without_a_trace() -> None:
    world = StepWorld()
    await world.send()
    record = await world.jobs.begin(RunTicket("stub", "j1", 1, 1))
    assert record is not None
    world.store.port.rows["stub", "j1"] = record.changed(record.updated_at, booking=2)
    assert await world.jobs.next_round("stub", "j1", 1) is None
    assert world.outcomes == []


@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("fuse", range(1, 50))
async def test_storage_that_fails_anywhere_repeats_no_call_but_that_in_flight(fuse: int, answer_lost: bool) -> None:
    world = StepWorld()
    await world.send()
    world.fuse, world.answer_lost = fuse, answer_lost
    await world.run_all()
    assert world.fuse is None or fuse > 30, "a job takes more operations than that"
    (outcome,) = world.outcomes
    assert outcome["result"] == {"answer": "solve hello", "parts": 2}
    assert sum(world.kind.called.values()) <= 4
