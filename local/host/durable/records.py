"""What a task hub holds: instances, messages to them, and what an episode sends."""

from dataclasses import dataclass, field
from enum import StrEnum

from local.host.durable.history import Event


class Status(StrEnum):
    """The runtime status of an instance (OrchestrationRuntimeStatus)."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"
    CANCELED = "Canceled"
    CONTINUED_AS_NEW = "ContinuedAsNew"

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.TERMINATED, Status.CANCELED})


@dataclass(frozen=True, slots=True)
class Parent:
    """Who waits for a sub-orchestration: the execution, and the id of its task there."""

    instance_id: str
    execution_id: str
    name: str
    task_id: int


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt of a task with retry options, or the timer between two attempts.

    Attributes:
        action: index of its action in the orchestrator's list.
        attempt: from 1.
        waiting: it is the timer after this attempt.
    """

    action: int
    attempt: int
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What the engine remembers of an execution between two episodes, beside its history.

    Attributes:
        next_id: the next task id.
        actions: how many of the orchestrator's actions are in history.
        digest: of those actions, to notice an orchestrator that decides otherwise when it is replayed.
        retried: by task id, the attempts under way.
        timers: by index of its action, the task id of each timer that the orchestrator may still cancel.
    """

    next_id: int = 0
    actions: int = 0
    digest: str = ""
    retried: dict[int, Retried] = field(default_factory=dict)
    timers: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Instance:
    """One orchestration.

    Attributes:
        execution_id: another one after each continue-as-new.
        input, output, custom_status: JSON text; the reason of a failure or termination is plain text in `output`.
        created_s, updated_s: seconds since the epoch.
    """

    id: str
    name: str
    execution_id: str
    input: str | None
    created_s: float
    updated_s: float
    status: Status = Status.PENDING
    version: str = ""
    output: str | None = None
    custom_status: str | None = None
    parent: Parent | None = None
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class Message:
    """An event that waits for an instance.

    Attributes:
        seq: its place in the order of arrival.
        execution_id: the only execution it is for; None for any.
    """

    seq: int
    event: Event
    execution_id: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """An event for an instance.

    Attributes:
        due_s: not to be delivered before; 0 for at once.
        timer_id: of a timer's event, by which it can be cancelled.
    """

    target: str
    event: Event
    execution_id: str | None = None
    due_s: float = 0.0
    timer_id: int | None = None


@dataclass(frozen=True, slots=True)
class StartChild:
    """A sub-orchestration to be started."""

    instance: Instance


@dataclass(frozen=True, slots=True)
class RunActivity:
    """An activity to be run on any host."""

    name: str
    input: str | None
    task_id: int


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation for an entity, from an orchestration or a client.

    Attributes:
        id: names the answer.
        input: JSON text, or None.
        parent, parent_execution: who gets the answer; None for signals.
    """

    target: str
    id: str
    name: str
    input: str | None
    parent: str | None = None
    parent_execution: str | None = None


type Outgoing = Send | StartChild | RunActivity | Operation
