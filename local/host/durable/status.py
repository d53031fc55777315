"""Instances, histories and entities as the management API shows them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from local.host.durable.entity import parse_entity_id
from local.host.durable.history import PUBLIC_NAMES, Event, EventType
from local.host.durable.records import Instance

_HIDDEN = (EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED)
_SCHEDULED = {
    EventType.TASK_COMPLETED: EventType.TASK_SCHEDULED,
    EventType.TASK_FAILED: EventType.TASK_SCHEDULED,
    EventType.SUB_ORCHESTRATION_COMPLETED: EventType.SUB_ORCHESTRATION_CREATED,
    EventType.SUB_ORCHESTRATION_FAILED: EventType.SUB_ORCHESTRATION_CREATED,
}
_WITH_RESULT = (EventType.TASK_COMPLETED, EventType.SUB_ORCHESTRATION_COMPLETED, EventType.EXECUTION_COMPLETED)
_START_FIELDS = ("Name", "OrchestrationInstance", "ParentInstance", "Version", "Tags")


def describe(instance: Instance, history: Sequence[Event] | None = None, *, show_input: bool = True) -> dict[str, Any]:
    """The status of an instance (StatusResponsePayload).

    Args:
        history: as describe_history returns it; None leaves it out.
    """
    status = {
        "name": instance.name,
        "instanceId": instance.id,
        "runtimeStatus": instance.status.value,
        "input": parse_leniently(instance.input) if show_input else None,
        "customStatus": parse_leniently(instance.custom_status),
        "output": parse_leniently(instance.output),
        "createdTime": _seconds(instance.created_s),
        "lastUpdatedTime": _seconds(instance.updated_s),
    }
    return status if history is None else {**status, "historyEvents": list(history)}


def describe_entity(instance: Instance, *, fetch_state: bool) -> dict[str, Any]:
    """An entity in the list of entities (DurableEntityStatus)."""
    entity_id = parse_entity_id(instance.id)
    state = json.loads(json.loads(instance.input or "{}")["state"]) if fetch_state else None
    return {
        "entityId": {"name": entity_id.name, "key": entity_id.key},
        "lastOperationTime": datetime.fromtimestamp(instance.updated_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
        "state": state,
    }


def describe_history(parts: Sequence[str], *, show_output: bool, show_input: bool) -> list[Event]:
    """A history as GetDurableOrchestrationStatusAsync of the extension shortens it.

    What was scheduled and has ended is one entry, that of its end.

    Args:
        parts: stored parts, each the JSON texts of its events joined by commas.
    """
    events: list[Event] = json.loads(f"[{','.join(parts)}]")
    scheduled = {
        (event["EventType"], event["EventId"]): event for event in events if event["EventType"] in _SCHEDULED.values()
    }
    ended = {(_SCHEDULED[e["EventType"]], e["TaskScheduledId"]) for e in events if e["EventType"] in _SCHEDULED}
    shown = []
    for event in events:
        kind = event["EventType"]
        if kind not in _HIDDEN and (kind, event["EventId"]) not in ended:
            start = scheduled.get((_SCHEDULED[kind], event["TaskScheduledId"])) if kind in _SCHEDULED else None
            shown.append(_shorten(event, start, show_output=show_output, show_input=show_input))
    return shown


def parse_leniently(text: str | None) -> Any:
    """JSON, or the text itself where it isn't: reasons of terminations and failures are plain text."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _shorten(event: Event, start: Event | None, *, show_output: bool, show_input: bool) -> Event:
    kind = event["EventType"]
    entry = {**event, "EventType": PUBLIC_NAMES[kind]}
    hidden = ["EventId", "IsPlayed"]
    if kind == EventType.EXECUTION_STARTED:
        entry["FunctionName"] = event["Name"]
        hidden += _START_FIELDS
    elif kind in (EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED):
        hidden.append("Version")
    elif kind == EventType.TIMER_FIRED:
        hidden.append("TimerId")
    elif kind in _SCHEDULED:
        hidden.append("TaskScheduledId")
        if start is not None:
            entry |= {"ScheduledTime": start["Timestamp"], "FunctionName": start["Name"], "Input": start["Input"]}
    if kind in _WITH_RESULT:
        if show_output:
            entry["Result"] = parse_leniently(event["Result"])
        else:
            hidden.append("Result")
    if not show_input:
        hidden.append("Input")
    return {key: value for key, value in entry.items() if key not in hidden}


def _seconds(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
