"""What an orchestrator answers to an episode: its decisions so far, as the SDK writes them."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

type Action = Mapping[str, Any]

_STATE_LABEL = "\n\n$OutOfProcData$:"  # OutOfProcExceptionHelpers.cs of the extension


class ActionType(IntEnum):
    """The number of each kind of action (ActionType.py of the SDK)."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    WHEN_ANY = 11
    WHEN_ALL = 12


@dataclass(frozen=True, slots=True)
class Reply:
    """The state of an orchestrator after an episode.

    Attributes:
        actions: all since its start, in the order in which they take task ids.
        done: it returned or continues as new.
        output: JSON text.
        custom_status: JSON text; None if it didn't set one.
        error: why it failed; None if it didn't.
        details: the stack trace of the failure.
    """

    actions: Sequence[Action]
    done: bool = False
    output: str = "null"
    custom_status: str | None = None
    error: str | None = None
    details: str = ""


def read_reply(text: str) -> Reply:
    """Read what an orchestrator function returned.

    Raises:
        ValueError: it isn't what the SDK writes.
    """
    try:
        state = json.loads(text)
        nested = state["actions"]
        if len(nested) != 1:
            raise ValueError(f"expected one list of actions, not {len(nested)}")
        return Reply(
            actions=tuple(_flatten(nested[0])),
            done=bool(state["isDone"]),
            output=json.dumps(state.get("output")),
            custom_status=json.dumps(state["customStatus"]) if state.get("customStatus") is not None else None,
            error=state.get("error") or None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"what the orchestrator returned can't be read: {type(error).__name__}: {error}") from error


def read_failure(text: str, stack_trace: str) -> Reply:
    """Read the exception of an orchestrator function.

    What the orchestrator decided before it failed is part of the exception's text, unless the SDK itself failed.
    """
    reason, label, state = text.partition(_STATE_LABEL)
    if label:
        try:
            reply = read_reply(state)
        except ValueError:
            pass
        else:
            error = reply.error or reason
            details = f"Message: {error}, StackTrace: {stack_trace}"
            return Reply(reply.actions, False, "null", reply.custom_status, error, details)
    return Reply((), error=f"Result: Failure\nException: {reason}\nStack: {stack_trace}", details=stack_trace)


def digest(previous: str, actions: Sequence[Action]) -> str:
    """A short text that stands for a sequence of actions.

    Args:
        previous: that of the actions before.
    """
    if not actions:
        return previous
    text = "\n".join(signature(action) for action in actions)
    return hashlib.blake2s(f"{previous}\n{text}".encode(), digest_size=12).hexdigest()


def signature(action: Action) -> str:
    """What must be the same each time an orchestrator is replayed (TaskOrchestrationContext.cs of DurableTask.Core)."""
    name = str(action.get("functionName", "")).lower()
    match action["actionType"]:
        case ActionType.CALL_ACTIVITY | ActionType.CALL_ACTIVITY_WITH_RETRY:
            return f"activity {name}"
        case ActionType.CALL_SUB_ORCHESTRATOR | ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY:
            return f"sub-orchestration {name}"
        case ActionType.CALL_ENTITY | ActionType.SIGNAL_ENTITY:
            return "event"
        case kind:
            return str(int(kind))


def _flatten(actions: Sequence[Action]) -> Iterator[Action]:
    for action in actions:
        kind = action["actionType"]
        if kind in (ActionType.WHEN_ANY, ActionType.WHEN_ALL):
            yield from _flatten(action["compoundActions"])
        elif kind != ActionType.WAIT_FOR_EXTERNAL_EVENT:  # takes no task id and leaves no trace in history
            yield action
