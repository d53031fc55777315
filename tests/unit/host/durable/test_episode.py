"""What an orchestrator's answer means: history, messages, task ids, ends."""

import json
from typing import Any

import pytest

from local.host.durable import episode
from local.host.durable.history import EventType, message, timestamp
from local.host.durable.records import (
    Instance,
    Message,
    Operation,
    Parent,
    Progress,
    Retried,
    RunActivity,
    Send,
    StartChild,
    Status,
)
from local.host.durable.replies import Reply, read_failure, read_reply
from local.host.durable.scheduling import UnknownFunctionError

NOW_S = 1_800_000_000.0
PARENT = Parent("up", "up-1", "parent", 4)
INSTANCE = Instance("i", "plan", "e1", '"5"', NOW_S, NOW_S, Status.RUNNING)
START = Message(1, episode.start_event(INSTANCE), "e1")
ACTIVITY = {"actionType": 0, "functionName": "work", "input": "1"}
RETRIED = {
    "actionType": 1,
    "functionName": "work",
    "input": "2",
    "retryOptions": {"firstRetryIntervalInMilliseconds": 2000, "maxNumberOfAttempts": 2},
}
TIMER = {"actionType": 5, "fireAt": "2030-01-01T00:00:00.500000Z", "isCanceled": False}
EVENT = {"actionType": 6, "externalEventName": "go", "reason": "ExternalEvent"}
CALL = {"actionType": 7, "instanceId": "@counter@k", "operation": "add", "input": "3"}
SIGNAL = {**CALL, "actionType": 9}
CHILD = {"actionType": 2, "functionName": "child", "input": "4"}


class Everything:
    """Knows every function but "missing"."""

    def check_activity(self, name: str) -> None:
        if name == "missing":
            raise UnknownFunctionError("no such activity")

    check_orchestrator = check_entity = check_activity


class Ids:
    def execution_id(self) -> str:
        return "fresh"

    def request_id(self) -> str:
        return "request"


def finish(reply: Reply, *taken: Message, instance: Instance = INSTANCE) -> episode.Commit:
    events = episode.new_events(taken or (START,), NOW_S)
    return episode.finish(instance, taken or (START,), events, reply, Everything(), Ids(), NOW_S)


def after(*actions: dict[str, Any], **progress: Any) -> Instance:
    """The instance when these actions are in history."""
    stored = finish(Reply(actions)).instance
    changes = {name: value for name, value in progress.items() if value is not None}
    return Instance(
        **{name: getattr(stored, name) for name in Instance.__dataclass_fields__ if name != "progress"},
        progress=Progress(**{name: getattr(stored.progress, name) for name in Progress.__dataclass_fields__} | changes),
    )


def kinds(commit: episode.Commit) -> list[EventType]:
    return [EventType(event["EventType"]) for event in commit.events]


def test_actions_become_events_and_messages_with_ids_in_their_order() -> None:
    commit = finish(Reply((ACTIVITY, TIMER, CALL, SIGNAL, CHILD, RETRIED)))
    assert kinds(commit) == [
        EventType.ORCHESTRATOR_STARTED,
        EventType.EXECUTION_STARTED,
        EventType.TASK_SCHEDULED,
        EventType.TIMER_CREATED,
        EventType.EVENT_SENT,
        EventType.EVENT_SENT,
        EventType.SUB_ORCHESTRATION_CREATED,
        EventType.TASK_SCHEDULED,
        EventType.ORCHESTRATOR_COMPLETED,
    ]
    assert [event["EventId"] for event in commit.events] == [-1, -1, 0, 1, 2, 3, 4, 5, -1]
    work, timer, call, signal, child, retried = commit.outgoing
    assert work == RunActivity("work", "1", 0)
    assert isinstance(timer, Send)
    assert (timer.target, timer.execution_id, timer.timer_id, timer.due_s) == ("i", "e1", 1, 1893456000.5)
    assert call == Operation("@counter@k", "request", "add", '"3"', "i", "e1")
    assert signal == Operation("@counter@k", "request", "add", '"3"')
    assert isinstance(child, StartChild)
    assert (child.instance.id, child.instance.input) == ("e1:4", '"4"')
    assert child.instance.parent == Parent("i", "e1", "plan", 4)
    assert retried == RunActivity("work", "2", 5)
    assert commit.instance.progress.retried == {5: Retried(5, 1)}
    assert commit.instance.progress.timers == {1: 1}


def test_only_new_actions_are_scheduled() -> None:
    done = Message(2, message(EventType.TASK_COMPLETED, TaskScheduledId=0, Result="1"), "e1")
    commit = finish(Reply((ACTIVITY, CHILD)), done, instance=after(ACTIVITY))
    assert [event["EventId"] for event in commit.events if event["EventId"] >= 0] == [1]


def test_every_failed_attempt_is_followed_by_a_timer_and_the_last_timer_fires_at_once() -> None:
    failed = Message(2, message(EventType.TASK_FAILED, TaskScheduledId=0, Reason="r", Details="d"), "e1")
    first = finish(Reply((RETRIED,)), failed, instance=after(RETRIED))
    (timer,) = first.outgoing
    assert isinstance(timer, Send)
    assert (timer.timer_id, timer.due_s) == (1, NOW_S + 2)
    assert first.instance.progress.retried == {1: Retried(0, 1, waiting=True)}

    fired = Message(3, message(EventType.TIMER_FIRED, TimerId=1), "e1")
    second = finish(Reply((RETRIED,)), fired, instance=first.instance)
    assert second.outgoing == (RunActivity("work", "2", 2),)
    assert second.instance.progress.retried == {2: Retried(0, 2)}

    failed_again = Message(4, message(EventType.TASK_FAILED, TaskScheduledId=2, Reason="r", Details="d"), "e1")
    third = finish(Reply((RETRIED,)), failed_again, instance=second.instance)
    (last,) = third.outgoing
    assert isinstance(last, Send)
    assert (last.timer_id, last.due_s) == (3, NOW_S)
    gave_up = Message(5, message(EventType.TIMER_FIRED, TimerId=3), "e1")
    fourth = finish(Reply((RETRIED, ACTIVITY)), gave_up, instance=third.instance)
    assert fourth.outgoing == (RunActivity("work", "1", 4),)
    assert fourth.instance.progress.retried == {}


def test_a_retry_takes_its_ids_before_what_the_orchestrator_decides_then() -> None:
    failed = Message(2, message(EventType.TASK_FAILED, TaskScheduledId=0, Reason="r", Details="d"), "e1")
    commit = finish(Reply((RETRIED, ACTIVITY)), failed, instance=after(RETRIED))
    assert commit.instance.progress.retried == {1: Retried(0, 1, waiting=True)}
    assert commit.outgoing[1] == RunActivity("work", "1", 2)


def test_a_cancelled_timer_is_taken_back_once() -> None:
    done = Message(2, message(EventType.EVENT_RAISED, Name="go", Input="1"))
    cancelled = {**TIMER, "isCanceled": True}
    commit = finish(Reply((cancelled,)), done, instance=after(TIMER))
    assert commit.cancelled == (0,)
    assert finish(Reply((cancelled,)), done, instance=commit.instance).cancelled == ()


def test_completion_tells_the_parent() -> None:
    child = Instance("i", "plan", "e1", None, NOW_S, NOW_S, Status.RUNNING, parent=PARENT)
    commit = finish(Reply((), done=True, output='{"a": 1}'), instance=child)
    assert (commit.instance.status, commit.instance.output) == ("Completed", '{"a": 1}')
    (answer,) = commit.outgoing
    assert isinstance(answer, Send)
    assert (answer.target, answer.execution_id) == ("up", "up-1")
    assert answer.event["EventType"] == EventType.SUB_ORCHESTRATION_COMPLETED
    assert (answer.event["TaskScheduledId"], answer.event["Result"]) == (4, '{"a": 1}')
    assert kinds(commit)[-2:] == [EventType.EXECUTION_COMPLETED, EventType.ORCHESTRATOR_COMPLETED]


def test_a_failure_keeps_what_was_decided_and_tells_the_parent_why() -> None:
    child = Instance("i", "plan", "e1", None, NOW_S, NOW_S, Status.RUNNING, parent=PARENT)
    commit = finish(Reply((SIGNAL,), error="boom", details="trace"), instance=child)
    assert commit.instance.output == "Orchestrator function 'plan' failed: boom"
    signal, answer = commit.outgoing
    assert isinstance(signal, Operation)
    assert isinstance(answer, Send)
    assert answer.event["EventType"] == EventType.SUB_ORCHESTRATION_FAILED
    assert (answer.event["Reason"], answer.event["Details"]) == (commit.instance.output, "trace")


def test_an_orchestrator_that_fails_before_it_came_as_far_as_before_just_fails() -> None:
    failed = Message(2, message(EventType.TASK_FAILED, TaskScheduledId=1, Reason="r", Details="d"), "e1")
    commit = finish(Reply((), error="boom"), failed, instance=after(TIMER, RETRIED))
    assert (commit.instance.output, commit.outgoing) == ("Orchestrator function 'plan' failed: boom", ())


def test_an_unknown_function_fails_the_orchestration_after_what_came_before() -> None:
    commit = finish(Reply((SIGNAL, {**ACTIVITY, "functionName": "missing"}, CALL)))
    assert commit.instance.status == "Failed"
    assert commit.instance.output == "Orchestrator function 'plan' failed: no such activity"
    assert len(commit.outgoing) == 1


def test_a_sub_orchestration_must_not_have_its_parents_id() -> None:
    commit = finish(Reply(({**CHILD, "instanceId": "I"},)))
    assert commit.instance.status == "Failed"
    assert "must be different than the instance ID of a parent orchestration" in str(commit.instance.output)


@pytest.mark.parametrize("actions", [(), (CHILD,), ({**ACTIVITY, "functionName": "other"},)])
def test_other_decisions_at_replay_fail_the_orchestration(actions: tuple[dict[str, Any], ...]) -> None:
    done = Message(2, message(EventType.TASK_COMPLETED, TaskScheduledId=0, Result="1"), "e1")
    commit = finish(Reply(actions), done, instance=after(ACTIVITY))
    assert commit.instance.status == "Failed"
    assert "Non-Deterministic workflow detected" in str(commit.instance.output)
    assert commit.outgoing == ()


def test_continue_as_new_begins_a_new_execution_without_history() -> None:
    continued = {"actionType": 4, "input": "6"}
    commit = finish(Reply((SIGNAL, continued), done=True, custom_status='"so far"'))
    assert commit.continued
    assert commit.events == ()
    assert (commit.instance.execution_id, commit.instance.input) == ("fresh", '"6"')
    assert (commit.instance.status, commit.instance.custom_status) == ("Running", '"so far"')
    assert commit.instance.progress == Progress()
    signal, start = commit.outgoing
    assert isinstance(signal, Operation)
    assert isinstance(start, Send)
    assert (start.event["EventType"], start.execution_id) == (EventType.EXECUTION_STARTED, "fresh")


def test_suspension_resumption_termination() -> None:
    suspended = episode.control(INSTANCE, Message(1, message(EventType.EXECUTION_SUSPENDED, Input="r")), NOW_S)
    assert suspended.instance.status == "Suspended"
    resumed = episode.control(suspended.instance, Message(2, message(EventType.EXECUTION_RESUMED, Input="r")), NOW_S)
    assert resumed.instance.status == "Running"
    ended = episode.control(INSTANCE, Message(3, message(EventType.EXECUTION_TERMINATED, Input="why not")), NOW_S)
    assert (ended.instance.status, ended.instance.output) == ("Terminated", "why not")
    assert kinds(ended)[1:3] == [EventType.EXECUTION_TERMINATED, EventType.EXECUTION_COMPLETED]


def test_the_context_is_what_the_sdk_reads() -> None:
    new = episode.new_events((START,), NOW_S)
    old = episode.stored(new)
    text = episode.context(INSTANCE, [old, old], new)
    content = json.loads(text)
    assert [event["IsPlayed"] for event in content["history"]] == [True] * 4 + [False] * 2
    assert content["history"][1]["Timestamp"] == "2027-01-15T08:00:00.0000000Z" == timestamp(NOW_S)
    assert (content["input"], content["instanceId"], content["isReplaying"]) == ("5", "i", True)


def test_replies_are_flattened_in_the_order_of_task_ids() -> None:
    compound = {"actionType": 12, "compoundActions": [ACTIVITY, EVENT, {"actionType": 11, "compoundActions": [TIMER]}]}
    state = {"isDone": False, "schemaVersion": 2, "actions": [[CALL, compound, CHILD]], "customStatus": {"a": 1}}
    reply = read_reply(json.dumps(state))
    assert reply.actions == (CALL, ACTIVITY, TIMER, CHILD)
    assert (reply.done, reply.output, reply.custom_status) == (False, "null", '{"a": 1}')


@pytest.mark.parametrize("text", ["null", "[]", "{}", '{"isDone": true}', '{"isDone": true, "actions": []}', "x"])
def test_what_is_no_reply_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_reply(text)


def test_the_state_is_taken_out_of_a_failure() -> None:
    state = {"isDone": False, "actions": [[ACTIVITY]], "error": "boom"}
    reply = read_failure(f"Exception: boom\n\n$OutOfProcData$:{json.dumps(state)}", "trace")
    assert (reply.error, reply.actions, reply.details) == ("boom", (ACTIVITY,), "Message: boom, StackTrace: trace")
    bare = read_failure("TypeError: no", "trace")
    assert bare.error == "Result: Failure\nException: TypeError: no\nStack: trace"
