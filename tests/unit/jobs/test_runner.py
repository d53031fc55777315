"""The life of a job, from message to published outcome, with everything that can go wrong in between."""

import logging
from dataclasses import replace

import pytest

from shared.errors import (
    ContentFilteredError,
    InvalidOutputError,
    MessagingError,
    ModelUnavailableError,
    RateLimitedError,
    StorageError,
)
from shared.jobs.lifecycle import MAX_INTERRUPTIONS
from shared.jobs.record import JobState
from shared.jobs.runner import Ran
from shared.messages import RunTicket
from shared.quota.freeze import Freeze
from tests.unit.jobs.conftest import MAX_THROTTLES, TPM, System

GOOD = {"text": "the lamp broke"}


async def test_good_job_succeeds_and_is_published_once(system: System) -> None:
    await system.send(GOOD, correlation_id="c1", app_id="shop", run_id="r1")
    assert await system.run_all() == 1
    assert system.record().state is JobState.SUCCEEDED
    (message,) = system.sender.queues["out"]
    assert (message.message_id, message.correlation_id) == ("j1:0", "c1")
    assert message.properties["app_id"] == "shop"
    assert message.properties["run_id"] == "r1"
    (outcome,) = system.published
    assert outcome["status"] == "succeeded"
    assert outcome["result"] == {"echo": "the lamp broke"}
    assert outcome["usage"] == {"input_tokens": 7, "output_tokens": 3}
    assert outcome["model"] == "stub"


async def test_correlation_id_is_the_job_id_where_the_producer_gave_none(system: System) -> None:
    await system.send(GOOD)
    await system.run_all()
    assert system.sender.queues["out"][0].correlation_id == "j1"


async def test_reply_to_gets_the_outcome(system: System) -> None:
    await system.send(GOOD, reply_to="replies")
    await system.run_all()
    assert len(system.sender.queues["replies"]) == 1
    assert system.published == []


async def test_unknown_reply_to_falls_back_to_the_out_queue(system: System) -> None:
    await system.send(GOOD, reply_to="nowhere")
    await system.run_all()
    assert len(system.published) == 1


async def test_permanent_error_is_tried_once(system: System) -> None:
    system.kind.script = [ContentFilteredError("The content filter refused the prompt.")]
    await system.send(GOOD)
    assert await system.run_all() == 1
    assert system.record().state is JobState.FAILED
    (outcome,) = system.published
    assert outcome["error"] == {"code": "content_filtered", "message": "The content filter refused the prompt."}


async def test_transient_errors_back_off_and_end_after_five_attempts(system: System) -> None:
    system.kind.script = [ModelUnavailableError("503") for _ in range(9)]
    await system.send(GOOD)
    assert await system.run_all() == 5
    (outcome,) = system.published
    assert outcome["attempts"] == 5
    assert outcome["error"]["code"] == "model_unavailable"
    assert "5 attempts" in outcome["error"]["message"]


async def test_transient_error_is_scheduled_for_later(system: System) -> None:
    system.kind.script = [ModelUnavailableError("503", retry_after_s=20)]
    await system.send(GOOD)
    system.sender.queues["run"], first = [], system.sender.queues["run"][0]
    await system.runner.run(RunTicket.decode(first.body.encode()))
    second = list(system.pending.calls.values())[-1]
    assert second.due_ms / 1000 - system.now.timestamp() >= 19
    assert second.run_message().message_id == "j1:2:2"
    assert system.record().state is JobState.PENDING


async def test_a_429_freezes_everybody_and_does_not_count_as_an_attempt(system: System) -> None:
    system.kind.script = [RateLimitedError("429", retry_after_s=20)] * 9
    await system.send(GOOD)
    ran = await system.runner.run(system.ticket())
    assert (ran.waits, ran.throttled) == (True, (0, 20))
    assert system.reports.frozen.epoch == 1
    assert 19 < system.reports.frozen.until_s - system.now.timestamp() <= 20
    await system.run_all()
    assert [outcome["status"] for outcome in system.published] == ["succeeded"]
    assert system.published[0]["attempts"] == 1


async def test_an_endpoint_that_always_answers_429_ends_the_job_at_last(system: System) -> None:
    system.kind.script = [RateLimitedError("Used up.", retry_after_s=1)] * (MAX_THROTTLES + 5)
    await system.send(GOOD)
    assert await system.run_all() == MAX_THROTTLES
    assert system.published[0]["error"] == {
        "code": "rate_limited",
        "message": f"Used up. Given up after {MAX_THROTTLES} refusals.",
    }


async def test_a_booked_call_waits_for_its_start_and_is_reported(system: System) -> None:
    await system.send(GOOD)
    start_s = system.now.timestamp() + 0.4
    ticket = replace(system.ticket(), start_s=start_s, tolerance_s=2.0, tokens=14, due_s=start_s - 0.5)
    assert await system.runner.run(ticket) == Ran()
    assert system.slept_s == [pytest.approx(0.4, abs=0.05)]
    first, second = system.reports.kept
    assert (first.start_s, first.tokens, first.answered) == (start_s, 14, False)
    assert first.sent_s is not None
    assert start_s <= first.sent_s < start_s + 0.5
    assert first.late_s == pytest.approx(0.1, abs=0.05)
    assert (second.answered, second.prompt_tokens, second.completion_tokens) == (True, 7, 3)


@pytest.mark.parametrize(
    ("ahead_s", "epoch", "freeze", "missed"),
    [
        pytest.param(-2.5, 1, Freeze(1, 0.0), True, id="late"),
        pytest.param(0.0, 0, Freeze(1, 0.0), False, id="void"),
        pytest.param(0.0, 1, Freeze(1, 1e10), False, id="frozen"),
    ],
)
async def test_a_booking_that_came_to_nothing_is_given_back(
    system: System, ahead_s: float, epoch: int, freeze: Freeze, missed: bool
) -> None:
    await system.send(GOOD)
    system.reports.frozen = freeze
    ticket = replace(system.ticket(), start_s=system.now.timestamp() + ahead_s, tolerance_s=2.0, tokens=14, epoch=epoch)
    assert await system.runner.run(ticket) == Ran(waits=True)
    (report,) = system.reports.kept
    assert (report.sent_s, report.missed_s is not None) == (None, missed)
    record = system.record()
    assert (record.state, record.attempt, record.booking, record.interruptions) == (JobState.PENDING, 1, 2, 0)
    assert system.kind.drafts == []


async def test_a_lost_report_loses_no_job(system: System) -> None:
    await system.send(GOOD)
    system.reports.failing = True
    ticket = replace(system.ticket(), start_s=system.now.timestamp(), tolerance_s=2.0, tokens=14)
    await system.runner.run(ticket)
    assert system.published[0]["status"] == "succeeded"


async def test_a_repair_that_is_larger_than_the_quota_is_not_tried(system: System) -> None:
    system.kind.script = [InvalidOutputError("score is missing", output="x" * (TPM + 1))]
    await system.send(GOOD)
    assert await system.run_all() == 1
    assert system.published[0]["error"]["code"] == "invalid_output"


async def test_invalid_output_gets_one_repair_call(system: System) -> None:
    system.kind.script = [InvalidOutputError("score is missing", output='{"label": 1}')]
    await system.send(GOOD)
    assert await system.run_all() == 2
    assert system.kind.drafts[0] is None
    assert system.kind.drafts[1] is not None
    assert system.kind.drafts[1].output == '{"label": 1}'
    assert system.published[0]["status"] == "succeeded"
    assert system.published[0]["usage"]["input_tokens"] == 14


async def test_second_invalid_output_fails(system: System) -> None:
    system.kind.script = [InvalidOutputError("bad", output="x"), InvalidOutputError("still bad", output="y")]
    await system.send(GOOD)
    assert await system.run_all() == 2
    assert system.published[0]["error"]["code"] == "invalid_output"


async def test_fault_in_our_code_fails_the_job_without_showing_the_body(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    system.kind.script = [KeyError("the lamp broke")]
    await system.send(GOOD)
    await system.run_all()
    assert system.published[0]["error"]["code"] == "internal"
    assert "lamp" not in caplog.text
    assert "lamp" not in system.published[0]["error"]["message"]
    assert "job_fault" in caplog.text


async def test_run_message_delivered_again_after_the_end_publishes_nothing_more(system: System) -> None:
    await system.send(GOOD)
    ticket = RunTicket.decode(system.sender.queues["run"][0].body.encode())
    await system.run_all()
    await system.runner.run(ticket)
    assert len(system.published) == 1
    assert len(system.kind.drafts) == 1


async def test_interrupted_run_gets_a_new_booking(system: System) -> None:
    await system.send(GOOD)
    ticket = RunTicket.decode(system.sender.queues["run"].pop(0).body.encode())
    system.kind.script = [_crash]
    with pytest.raises(KeyboardInterrupt):
        await system.runner.run(ticket)
    assert system.record().state is JobState.RUNNING
    await system.runner.run(ticket)  # redelivered
    assert system.record().booking == 2
    assert await system.run_all() == 1
    assert len(system.published) == 1
    assert system.record().state is JobState.SUCCEEDED


async def test_job_that_always_crashes_ends_as_failed(system: System) -> None:
    await system.send(GOOD)
    system.kind.script = [_crash] * 100
    for _ in range(MAX_INTERRUPTIONS + 1):
        ticket = RunTicket.decode(system.sender.queues["run"].pop(0).body.encode())
        with pytest.raises(KeyboardInterrupt):
            await system.runner.run(ticket)
        await system.runner.run(ticket)
    assert system.sender.queues["run"] == []
    assert system.published[0]["error"]["code"] == "abandoned"


async def test_outcome_of_a_run_that_lost_its_lock_counts_if_it_is_first(system: System) -> None:
    await system.send(GOOD)
    ticket = RunTicket.decode(system.sender.queues["run"].pop(0).body.encode())
    system.kind.script = [lambda: system.store.touch("stub", "j1")]
    await system.runner.run(ticket)
    assert system.record().state is JobState.SUCCEEDED
    assert len(system.published) == 1


async def test_publishing_is_finished_by_the_next_delivery(system: System) -> None:
    await system.send(GOOD)
    ticket = RunTicket.decode(system.sender.queues["run"].pop(0).body.encode())
    system.kind.script = [lambda: setattr(system.sender, "failing", True)]
    with pytest.raises(MessagingError):
        await system.runner.run(ticket)
    assert system.record().state is JobState.SUCCEEDED
    assert system.record().published_at is None
    system.sender.failing = False
    await system.runner.run(ticket)
    assert len(system.published) == 1
    assert system.record().published_at is not None
    assert len(system.kind.drafts) == 1, "the model is not called again"


async def test_storage_failure_after_the_call_loses_nothing(system: System) -> None:
    await system.send(GOOD)
    ticket = RunTicket.decode(system.sender.queues["run"].pop(0).body.encode())
    system.kind.script = [lambda: setattr(system.store, "failing", True)]
    with pytest.raises(StorageError):
        await system.runner.run(ticket)
    system.store.failing = False
    await system.runner.run(ticket)
    await system.run_all()
    assert len(system.published) == 1


async def test_crash_between_requeue_and_send_is_mended_by_redelivery(system: System) -> None:
    await system.send(GOOD)
    ticket = RunTicket.decode(system.sender.queues["run"].pop(0).body.encode())

    def fail_then_break_sender() -> None:
        system.sender.failing = True
        raise ModelUnavailableError("503")

    system.kind.script = [fail_then_break_sender]
    with pytest.raises(MessagingError):
        await system.runner.run(ticket)
    assert system.record().attempt == 2
    system.sender.failing = False
    await system.runner.run(ticket)
    assert await system.run_all() == 1
    assert len(system.published) == 1


async def test_large_outcome_goes_by_claim_check(system: System) -> None:
    text = "x" * 900
    await system.send({"text": text})

    async def big(*_: object, **__: object) -> dict[str, object]:
        return {"echo": "y" * 300_000}

    system.kind.run = big  # type: ignore[method-assign,assignment]
    await system.run_all()
    (message,) = system.sender.queues["out"]
    assert len(message.body) < 1_000
    name = message.properties["claim_check"]
    assert isinstance(name, str)
    assert len(system.claims.blobs[name]) > 300_000


async def test_unknown_job_is_ignored(system: System) -> None:
    await system.runner.run(RunTicket("stub", "nobody", 1, 1))
    assert system.published == []


def _crash() -> None:
    raise KeyboardInterrupt
