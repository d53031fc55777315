"""One step of an orchestration, as pure functions: what the orchestrator is shown, and what its answer means.

The rules are those of DurableTask.Core and of OutOfProcOrchestrationShim.cs of the durable extension, which replays
the actions of a Python orchestrator; how the SDK numbers its tasks is in TaskOrchestrationExecutor.py.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from local.host.durable.history import Event, EventType, message, stamped
from local.host.durable.records import Instance, Message, Outgoing, Progress, Send, Status
from local.host.durable.replies import Reply
from local.host.durable.scheduling import (
    Ids,
    KnownFunctions,
    NonDeterministicError,
    Scheduler,
    UnknownFunctionError,
    check_replay,
)

_LIMITS = {
    "upperSchemaVersion": 1,
    "upperSchemaVersionNew": 2,
    "longRunningTimerIntervalDuration": "3.00:00:00",
    "maximumShortTimerDuration": "6.00:00:00",
    "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
}


@dataclass(frozen=True, slots=True)
class Commit:
    """The outcome of an episode, to be stored as a whole.

    Attributes:
        instance: as it is now.
        events: what history gains; after continue-as-new history begins anew and is empty.
        cancelled: task ids of timers that need not fire.
        continued: it continues as new: history, and what waits for the old execution, is void.
    """

    instance: Instance
    events: tuple[Event, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    cancelled: tuple[int, ...] = ()
    continued: bool = False


def new_events(taken: Sequence[Message], now_s: float) -> list[Event]:
    """What an episode begins with: its start, then the messages."""
    start = message(EventType.ORCHESTRATOR_STARTED)
    return [stamped(event, now_s) for event in (start, *(taken_message.event for taken_message in taken))]


def context(instance: Instance, history: Sequence[str], events: Sequence[Event]) -> str:
    """What the orchestrator function gets as input.

    Args:
        history: stored parts of the history, each the JSON texts of its events joined by commas.
        events: of this episode.
    """
    parent = instance.parent.instance_id if instance.parent else None
    fields = {
        "input": None if instance.input is None else json.loads(instance.input),
        "instanceId": instance.id,
        "isReplaying": bool(history),
        "parentInstanceId": parent,
        **_LIMITS,
    }
    return f'{{"history":[{",".join([*history, stored(events, played=False)])}],{json.dumps(fields)[1:]}'


def stored(events: Sequence[Event], *, played: bool = True) -> str:
    """Events as a part of stored history."""
    return ",".join(json.dumps({**event, "IsPlayed": played}) for event in events)


def control(instance: Instance, taken: Message, now_s: float) -> Commit:
    """Suspend, resume or terminate an instance; the orchestrator isn't asked."""
    started = stamped(message(EventType.ORCHESTRATOR_STARTED), now_s)
    event = stamped(taken.event, now_s)
    ended = stamped(message(EventType.ORCHESTRATOR_COMPLETED), now_s)
    match taken.event["EventType"]:
        case EventType.EXECUTION_SUSPENDED:
            changed = replace(instance, status=Status.SUSPENDED, updated_s=now_s)
        case EventType.EXECUTION_RESUMED:
            pending = instance.status is Status.PENDING
            changed = replace(instance, status=Status.PENDING if pending else Status.RUNNING, updated_s=now_s)
        case _:
            commit = _ended(instance, Status.TERMINATED, taken.event.get("Input"), "", now_s)
            return replace(commit, events=(started, event, *commit.events, ended))
    return Commit(changed, (started, event, ended))


def finish(
    instance: Instance,
    taken: Sequence[Message],
    events: Sequence[Event],
    reply: Reply,
    known: KnownFunctions,
    ids: Ids,
    now_s: float,
) -> Commit:
    """Turn an orchestrator's answer into what is stored and sent.

    Args:
        taken: the messages of the episode.
        events: what new_events made of them.
        now_s: when the episode began; timers of retries count from then.
    """
    scheduler = Scheduler(instance, known, ids, now_s)
    try:
        check_replay(instance.progress, reply)
        for taken_message in taken:
            scheduler.complete(taken_message.event, reply.actions)
        scheduler.schedule(reply.actions)
    except (UnknownFunctionError, NonDeterministicError) as error:
        reply = replace(reply, error=str(error), done=False)
    scheduled = (*events, *scheduler.events)
    running = replace(
        instance,
        status=Status.RUNNING,
        updated_s=now_s,
        custom_status=reply.custom_status or instance.custom_status,
        progress=scheduler.progress(reply.actions),
    )
    if reply.error is not None:
        text = f"Orchestrator function '{instance.name}' failed: {reply.error}"
        commit = _ended(running, Status.FAILED, text, reply.details, now_s)
    elif scheduler.continue_with is not None:
        commit = _continued(running, scheduler.continue_with, ids, now_s)
    elif reply.done:
        commit = _ended(running, Status.COMPLETED, reply.output, "", now_s)
    else:
        commit = Commit(running, cancelled=tuple(scheduler.cancelled))
    completed = stamped(message(EventType.ORCHESTRATOR_COMPLETED), now_s)
    return replace(
        commit,
        events=() if commit.continued else (*scheduled, *commit.events, completed),
        outgoing=(*scheduler.outgoing, *commit.outgoing),
    )


def start_event(instance: Instance) -> Event:
    """What an execution starts with."""
    parent: Mapping[str, Any] | None = None
    if instance.parent is not None:
        waiting = {"InstanceId": instance.parent.instance_id, "ExecutionId": instance.parent.execution_id}
        parent = {
            "OrchestrationInstance": waiting,
            "Name": instance.parent.name,
            "TaskScheduleId": instance.parent.task_id,
        }
    return message(
        EventType.EXECUTION_STARTED,
        Name=instance.name,
        Version=instance.version,
        Input=instance.input,
        Tags=None,
        OrchestrationInstance={"InstanceId": instance.id, "ExecutionId": instance.execution_id},
        ParentInstance=parent,
    )


def _ended(instance: Instance, status: Status, output: str | None, details: str, now_s: float) -> Commit:
    event = message(EventType.EXECUTION_COMPLETED, OrchestrationStatus=status.value, Result=output)
    outgoing: list[Outgoing] = []
    if (parent := instance.parent) is not None:
        if status is Status.COMPLETED:
            answer = message(EventType.SUB_ORCHESTRATION_COMPLETED, TaskScheduledId=parent.task_id, Result=output)
        else:
            answer = message(
                EventType.SUB_ORCHESTRATION_FAILED, TaskScheduledId=parent.task_id, Reason=output, Details=details
            )
        outgoing.append(Send(parent.instance_id, answer, parent.execution_id))
    ended = replace(instance, status=status, output=output, updated_s=now_s, progress=Progress())
    return Commit(ended, (stamped(event, now_s),), tuple(outgoing))


def _continued(instance: Instance, new_input: str | None, ids: Ids, now_s: float) -> Commit:
    fresh = replace(
        instance,
        execution_id=ids.execution_id(),
        input=json.dumps(new_input),
        created_s=now_s,
        progress=Progress(),
    )
    start = Send(fresh.id, start_event(fresh), fresh.execution_id)
    return Commit(fresh, (), (start,), continued=True)
