"""From an orchestrator's actions to history events and messages, with the task ids that the SDK gave them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from local.host.durable.history import Event, EventType, message, parse_time, stamped, timestamp
from local.host.durable.records import (
    Instance,
    Operation,
    Outgoing,
    Parent,
    Progress,
    Retried,
    RunActivity,
    Send,
    StartChild,
)
from local.host.durable.replies import Action, ActionType, Reply, digest

HTTP_ACTIVITY = "BuiltIn::HttpActivity"
_SAME_ID = "The instance ID of a sub-orchestration must be different than the instance ID of a parent orchestration."
_ACTIVITIES = (ActionType.CALL_ACTIVITY, ActionType.CALL_ACTIVITY_WITH_RETRY)
_RETRIED = (ActionType.CALL_ACTIVITY_WITH_RETRY, ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY)


class UnknownFunctionError(Exception):
    """An orchestrator calls what the app doesn't have. The text is the real host's."""


class NonDeterministicError(Exception):
    """An orchestrator decides otherwise than the last time."""


class KnownFunctions(Protocol):
    """Which functions the app has. Each method raises UnknownFunctionError for a name that it doesn't know."""

    def check_activity(self, name: str) -> None: ...

    def check_orchestrator(self, name: str) -> None: ...

    def check_entity(self, name: str) -> None: ...


class Ids(Protocol):
    """Where new ids come from."""

    def execution_id(self) -> str: ...

    def request_id(self) -> str: ...


def check_replay(progress: Progress, reply: Reply) -> None:
    """Compare an orchestrator's actions with those of its earlier episodes.

    An orchestrator that failed before it had decided as much as before is left to its own error.

    Raises:
        NonDeterministicError: they differ.
    """
    if reply.error is not None and len(reply.actions) < progress.actions:
        return
    if len(reply.actions) < progress.actions:
        raise NonDeterministicError(
            f"Non-Deterministic workflow detected: A previous execution of this orchestration scheduled "
            f"{progress.actions} tasks, but the current replay execution hasn't (yet?) scheduled all of them. "
            "Was a change made to the orchestrator code after this instance had already started running?"
        )
    if digest("", reply.actions[: progress.actions]) != progress.digest:
        raise NonDeterministicError(
            "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled other tasks "
            "than the current orchestration replay. Was a change made to the orchestrator code after this instance "
            "had already started running?"
        )


class Scheduler:
    """Works one episode off: call complete() for each of its events, then schedule() once.

    Args:
        now_s: when the episode began.

    Attributes:
        events: what history gains.
        outgoing: what has to be sent.
        cancelled: task ids of timers that need not fire.
        continue_with: input of the next execution, JSON text; None if it doesn't continue as new.
    """

    def __init__(self, instance: Instance, known: KnownFunctions, ids: Ids, now_s: float) -> None:
        self.events: list[Event] = []
        self.outgoing: list[Outgoing] = []
        self.cancelled: list[int] = []
        self.continue_with: str | None = None
        self._instance = instance
        self._known = known
        self._ids = ids
        self._now_s = now_s
        self._next_id = instance.progress.next_id
        self._retried = dict(instance.progress.retried)
        self._timers = dict(instance.progress.timers)

    def complete(self, event: Event, actions: Sequence[Action]) -> None:
        """Take note of an event, and do what DurableTask.Core does by itself: wait and try again.

        After every failed attempt there is a timer; after the last one it fires at once (RetryInterceptor.cs).
        """
        kind = event["EventType"]
        task_id = event.get("TaskScheduledId", event.get("TimerId"))
        if kind == EventType.TIMER_FIRED:
            self._timers = {index: timer for index, timer in self._timers.items() if timer != task_id}
        if not isinstance(task_id, int) or (retried := self._retried.pop(task_id, None)) is None:
            return
        if retried.action >= len(actions):
            return  # the orchestrator failed before it came to this task
        action = actions[retried.action]
        options = action["retryOptions"]
        if kind in (EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED):
            last = retried.attempt >= options["maxNumberOfAttempts"]
            delay_s = 0.0 if last else options["firstRetryIntervalInMilliseconds"] / 1000
            self._retried[self._timer(self._now_s + delay_s)] = replace(retried, waiting=True)
        elif kind == EventType.TIMER_FIRED and retried.attempt < options["maxNumberOfAttempts"]:
            self._retried[self._task(action)] = Retried(retried.action, retried.attempt + 1)

    def schedule(self, actions: Sequence[Action]) -> None:
        """Schedule what the orchestrator decided in this episode.

        Raises:
            UnknownFunctionError: it calls a function that isn't there; what came before is scheduled.
        """
        for index in range(self._instance.progress.actions, len(actions)):
            action = actions[index]
            match action["actionType"]:
                case ActionType.CREATE_TIMER:
                    self._timers[index] = self._timer(parse_time(action["fireAt"]))
                case ActionType.CALL_ENTITY | ActionType.SIGNAL_ENTITY:
                    self._operation(action)
                case ActionType.CONTINUE_AS_NEW:
                    self._take_id()
                    self.continue_with = action["input"]
                case _:
                    self._check(action)
                    task_id = self._task(action)
                    if action["actionType"] in _RETRIED:
                        self._retried[task_id] = Retried(index, 1)
        for index, task_id in list(self._timers.items()):
            # An orchestrator that failed may not have come to this timer.
            if index < len(actions) and actions[index].get("isCanceled"):
                self.cancelled.append(task_id)
                del self._timers[index]

    def progress(self, actions: Sequence[Action]) -> Progress:
        """What to remember for the next episode."""
        return Progress(self._next_id, len(actions), digest("", actions), self._retried, self._timers)

    def _check(self, action: Action) -> None:
        if action["actionType"] in _ACTIVITIES:
            self._known.check_activity(action["functionName"])
        elif action["actionType"] != ActionType.CALL_HTTP:
            self._known.check_orchestrator(action["functionName"])
            parent = self._instance.parent.instance_id if self._instance.parent else None
            child = action.get("instanceId")
            if child is not None and child.lower() in (self._instance.id.lower(), (parent or "").lower()):
                raise UnknownFunctionError(_SAME_ID)

    def _task(self, action: Action) -> int:
        task_id = self._take_id()
        kind = action["actionType"]
        if kind == ActionType.CALL_HTTP:
            self._add(EventType.TASK_SCHEDULED, task_id, Name=HTTP_ACTIVITY, Version="", Input=None)
            self.outgoing.append(RunActivity(HTTP_ACTIVITY, json.dumps(action["httpRequest"]), task_id))
        elif kind in _ACTIVITIES:
            name = action["functionName"]
            self._add(EventType.TASK_SCHEDULED, task_id, Name=name, Version="", Input=None)
            self.outgoing.append(RunActivity(name, action.get("input"), task_id))
        else:
            self._child(action, task_id)
        return task_id

    def _child(self, action: Action, task_id: int) -> None:
        me = self._instance
        name = action["functionName"]
        child_id = action.get("instanceId") or f"{me.execution_id}:{task_id}"
        self._add(EventType.SUB_ORCHESTRATION_CREATED, task_id, Name=name, Version="", InstanceId=child_id, Input=None)
        child = Instance(
            id=child_id,
            name=name,
            execution_id=self._ids.execution_id(),
            input=json.dumps(action.get("input")),
            created_s=self._now_s,
            updated_s=self._now_s,
            version=action.get("version") or "",
            parent=Parent(me.id, me.execution_id, me.name, task_id),
        )
        self.outgoing.append(StartChild(child))

    def _timer(self, due_s: float) -> int:
        task_id = self._take_id()
        fire_at = timestamp(due_s)
        self._add(EventType.TIMER_CREATED, task_id, FireAt=fire_at)
        fired = message(EventType.TIMER_FIRED, TimerId=task_id, FireAt=fire_at)
        self.outgoing.append(Send(self._instance.id, fired, self._instance.execution_id, due_s, task_id))
        return task_id

    def _operation(self, action: Action) -> None:
        target = action["instanceId"]
        self._known.check_entity(target[1:].partition("@")[0])
        task_id = self._take_id()
        signal = action["actionType"] == ActionType.SIGNAL_ENTITY
        request_id = self._ids.request_id()
        # The action's input is JSON text; it travels as a JSON string that holds that text (RequestMessage.SetInput).
        text = json.dumps(action["input"])
        parent, execution = (None, None) if signal else (self._instance.id, self._instance.execution_id)
        request = {
            "op": action["operation"],
            "signal": signal,
            "input": text,
            "id": request_id,
            "parent": self._instance.id,
            "parentExecution": self._instance.execution_id,
        }
        self._add(EventType.EVENT_SENT, task_id, InstanceId=target, Name="op", Input=json.dumps(request))
        self.outgoing.append(Operation(target, request_id, action["operation"], text, parent, execution))

    def _add(self, kind: EventType, task_id: int, **fields: Any) -> None:
        self.events.append(stamped({**message(kind, **fields), "EventId": task_id}, self._now_s))

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1
