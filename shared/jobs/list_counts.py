"""How many jobs of a kind are in each state, and what ended in each minute of the last hour.

Each process that writes to the list has a row of its own in each partition, so that no row is hot and none is written
by two. It holds what that process has added and taken away since it began, and is written in the transaction that
changes the entries: the sum over all rows is always exactly the number of entries.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.jobs.record import JobState

MINUTES = 60
_KEPT_MINUTES = MINUTES + 1
COUNTS_PREFIX = "c:"
BASE = "c:base"
"""The row that takes over from processes that have ended."""

_EVENTS = ("accepted", "succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums.

    Attributes:
        states: how many entries there are more than there were; may be negative in one row.
        minutes: minute since 1970 to how many were accepted, succeeded, failed, cancelled in it.
    """

    states: Mapping[JobState, int] = field(default_factory=dict)
    minutes: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)

    def moved(self, frm: JobState | None, to: JobState | None, now_s: float) -> "Counts":
        """After a job's entry went from one state to another; None: there was, or is, none."""
        states = dict(self.states)
        if frm is not None:
            states[frm] = states.get(frm, 0) - 1
        if to is not None:
            states[to] = states.get(to, 0) + 1
        counted = self
        if frm is None and to is not None:
            counted = counted._event("accepted", now_s)
        if to is not None and to.final and (frm is None or not frm.final):
            counted = counted._event(str(to), now_s)
        return replace(counted, states=states)

    def _event(self, name: str, now_s: float) -> "Counts":
        minute = int(now_s // 60)
        minutes = {when: events for when, events in self.minutes.items() if when > minute - _KEPT_MINUTES}
        events = list(minutes.get(minute, (0, 0, 0, 0)))
        events[_EVENTS.index(name)] += 1
        minutes[minute] = (events[0], events[1], events[2], events[3])
        return replace(self, minutes=minutes)

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        states = {state: self.states.get(state, 0) + other.states.get(state, 0) for state in JobState}
        minutes = dict(self.minutes)
        for minute, events in other.minutes.items():
            mine = minutes.get(minute, (0, 0, 0, 0))
            minutes[minute] = (mine[0] + events[0], mine[1] + events[1], mine[2] + events[2], mine[3] + events[3])
        return Counts({state: count for state, count in states.items() if count}, minutes)

    def since(self, now_s: float) -> "Counts":
        """Without what happened in minutes that are older than the last hour."""
        first = int(now_s // 60) - MINUTES
        return replace(self, minutes={when: events for when, events in self.minutes.items() if when > first})

    def to_row(self, partition: str, key: str) -> dict[str, Any]:
        """As a table entity."""
        numbers = {f"n_{state}": count for state, count in self.states.items()}
        minutes = json.dumps(list(self.minutes.items()), separators=(",", ":"))
        return {"PartitionKey": partition, "RowKey": key, "minutes": minutes, **numbers}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Counts":
        """Read a table entity."""
        states = {state: int(row[f"n_{state}"]) for state in JobState if row.get(f"n_{state}")}
        minutes = {int(minute): tuple(events) for minute, events in json.loads(row.get("minutes") or "[]")}
        return cls(states, minutes)


def total(counts: Iterable[Counts]) -> Counts:
    """All together."""
    found = Counts()
    for one in counts:
        found = found.plus(one)
    return found
