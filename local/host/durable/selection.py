"""Which of the messages that wait for an instance make up its next episode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from local.host.durable.history import EventType
from local.host.durable.records import Instance, Message, Progress, Status

_CONTROL = frozenset({EventType.EXECUTION_TERMINATED, EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED})


@dataclass(frozen=True, slots=True)
class Selection:
    """What to do next for an instance.

    Attributes:
        kind: "run" calls the orchestrator with `taken`; "control" changes the status by `taken`, without the
            orchestrator; "wait" does nothing: what is there has to wait for other messages.
        dropped: messages that nobody waits for any more.
    """

    kind: Literal["run", "control", "wait"]
    taken: tuple[Message, ...] = ()
    dropped: tuple[Message, ...] = ()


def select(instance: Instance | None, messages: Sequence[Message]) -> Selection:
    """Choose the next messages, in the order of their arrival.

    An episode takes one message of any kind, then as many as follow without making the SDK take task ids on its own
    account (see takes_hidden_ids): only so do engine and SDK number tasks alike.

    Args:
        instance: None if there is no such instance any more.
        messages: all that are due, oldest first.
    """
    wanted: list[Message] = []
    dropped: list[Message] = []
    for message in messages:
        fits = instance is not None and not instance.status.ended and _is_for(instance, message)
        (wanted if fits else dropped).append(message)
    gone = tuple(dropped)
    if instance is None or not wanted:
        return Selection("wait", (), gone)
    for message in wanted:
        if message.event["EventType"] == EventType.EXECUTION_TERMINATED:
            return Selection("control", (message,), gone)
    if instance.status is Status.SUSPENDED:
        return _control(wanted, gone)
    # The start of an execution goes first, whatever arrived before it.
    wanted.sort(key=lambda message: message.event["EventType"] != EventType.EXECUTION_STARTED)
    if wanted[0].event["EventType"] in _CONTROL:
        return _control(wanted, gone)
    taken = wanted[:1]
    for message in wanted[1:]:
        if message.event["EventType"] in _CONTROL or takes_hidden_ids(instance.progress, message):
            break
        taken.append(message)
    return Selection("run", tuple(taken), gone)


def takes_hidden_ids(progress: Progress, message: Message) -> bool:
    """Whether the SDK takes a task id while it handles this event, before the orchestrator goes on.

    It does for a failed attempt of a task with retry options (the timer), and for the timer (the next attempt).
    """
    task_id = message.event.get("TaskScheduledId", message.event.get("TimerId"))
    failed_or_fired = message.event["EventType"] in (
        EventType.TASK_FAILED,
        EventType.SUB_ORCHESTRATION_FAILED,
        EventType.TIMER_FIRED,
    )
    return failed_or_fired and task_id in progress.retried


def _control(wanted: Sequence[Message], dropped: tuple[Message, ...]) -> Selection:
    """The control messages up to the first other one; when there is none in front, the first that is there."""
    taken = tuple(message for message in wanted if message.event["EventType"] in _CONTROL)[:1]
    return Selection("control", taken, dropped) if taken else Selection("wait", (), dropped)


def _is_for(instance: Instance, message: Message) -> bool:
    return message.execution_id is None or message.execution_id == instance.execution_id
