"""One batch of an entity, as pure functions: what the entity function is shown, and what its answer means.

The protocol is that of TaskEntityShim.cs (ExecuteOutOfProcBatch) of the durable extension.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from local.host.durable.history import EventType, message
from local.host.durable.records import Operation, Send


@dataclass(frozen=True, slots=True)
class EntityId:
    """Name and key of an entity. Names have no case; the id in the task hub is `@name@key`."""

    name: str
    key: str

    def __str__(self) -> str:
        return f"@{self.name.lower()}@{self.key}"


def is_entity(target: str) -> bool:
    """Whether this is the id of an entity rather than of an orchestration."""
    return target.startswith("@")


def parse_entity_id(text: str) -> EntityId:
    """Take `@name@key` apart.

    Raises:
        ValueError: it isn't of this form.
    """
    at, _, rest = text.partition("@")
    name, separator, key = rest.partition("@")
    if at or not name or not separator:
        raise ValueError(f"Unable to parse the entity id '{text}'. Entity ids must have the form '@name@key'.")
    return EntityId(name, key)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The outcome of a batch.

    Attributes:
        state: JSON text; None when the entity doesn't exist (any more).
        answers: to those who called rather than signalled.
    """

    state: str | None
    answers: tuple[Send, ...]


def context(entity_id: EntityId, state: str | None, batch: Sequence[Operation]) -> str:
    """What the entity function gets as input.

    Args:
        state: JSON text; None when the entity doesn't exist.
    """
    operations = [{"name": op.name, "input": op.input, "isSignal": op.parent is None} for op in batch]
    return json.dumps(
        {
            "self": {"name": entity_id.name, "key": entity_id.key},
            "exists": state is not None,
            "state": state,
            "batch": operations,
        }
    )


def finish(batch: Sequence[Operation], reply: str) -> BatchResult:
    """Read what the entity function returned.

    Raises:
        ValueError: it isn't what the SDK writes.
    """
    try:
        content = json.loads(reply)
        results = content["results"]
        if len(results) != len(batch):
            raise ValueError(f"{len(results)} results for {len(batch)} operations")
        answers = [
            _answer(operation, result["result"], is_error=bool(result["isError"]))
            for operation, result in zip(batch, results, strict=True)
        ]
        state = (content["entityState"] or "null") if content["entityExists"] else None
    except (KeyError, TypeError) as error:
        raise ValueError(f"what the entity returned can't be read: {type(error).__name__}: {error}") from error
    return BatchResult(state, tuple(answer for answer in answers if answer is not None))


def timed_out(batch: Sequence[Operation], state: str | None, reason: str) -> BatchResult:
    """A batch that took too long: all its operations have failed, the state is as before."""
    answers = [_answer(operation, reason, is_error=True) for operation in batch]
    return BatchResult(state, tuple(answer for answer in answers if answer is not None))


def _answer(operation: Operation, result: str | None, *, is_error: bool) -> Send | None:
    if operation.parent is None:
        return None
    content = {"result": result, **({"exceptionType": "Error"} if is_error else {})}
    event = message(EventType.EVENT_RAISED, Name=operation.id, Input=json.dumps(content))
    return Send(operation.parent, event, operation.parent_execution)
