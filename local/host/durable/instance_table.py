"""The stored instances of a task hub."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from local.host.durable.database import Database
from local.host.durable.records import Instance, Parent, Progress, Retried, Status

_COLUMNS = (
    "id, name, version, execution_id, status, input, output, custom_status, created_s, updated_s, parent, progress"
)
_MARKS = ", ".join("?" * 12)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which instances are meant; the default means all.

    Attributes:
        created_from_s, created_to_s: seconds since the epoch, both included.
        after: ids up to this one are left out: the last of the page before.
        limit: None means no limit.
    """

    created_from_s: float | None = None
    created_to_s: float | None = None
    statuses: frozenset[str] | None = None
    prefix: str = ""
    after: str = ""
    limit: int | None = None


class InstanceTable:
    """Reads and writes instances; writing is part of the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, instance_id: str) -> Instance | None:
        row = self._database.execute(f"SELECT {_COLUMNS} FROM instances WHERE id=?", (instance_id,)).fetchone()  # noqa: S608 - constants
        return None if row is None else _from_row(row)

    def put(self, instance: Instance) -> None:
        self._database.execute(f"INSERT OR REPLACE INTO instances({_COLUMNS}) VALUES({_MARKS})", _to_row(instance))

    def history(self, instance_id: str) -> list[str]:
        """The parts of an instance's history, oldest first, each JSON texts of events joined by commas."""
        rows = self._database.execute("SELECT events FROM history WHERE instance_id=? ORDER BY seq", (instance_id,))
        return [events for (events,) in rows]

    def append_history(self, instance_id: str, events: str) -> None:
        self._database.execute("INSERT INTO history(instance_id, events) VALUES(?, ?)", (instance_id, events))

    def clear_history(self, instance_id: str) -> None:
        self._database.execute("DELETE FROM history WHERE instance_id=?", (instance_id,))

    def delete(self, instance_id: str) -> None:
        """Delete an instance with all that belongs to it."""
        self.clear(instance_id)
        self._database.execute("DELETE FROM instances WHERE id=?", (instance_id,))

    def clear(self, instance_id: str) -> None:
        """Delete history, messages and activities of an instance."""
        self.clear_history(instance_id)
        self._database.execute("DELETE FROM inbox WHERE target=?", (instance_id,))
        self._database.execute("DELETE FROM agenda WHERE target=?", (instance_id,))
        self._database.execute("DELETE FROM work WHERE instance_id=?", (instance_id,))

    def find(self, wanted: Filter) -> list[Instance]:
        """The instances that a filter lets through, in the order of their ids."""
        conditions, values, limit = query_parts(wanted)
        if wanted.statuses is not None:
            conditions += f" AND status IN ({', '.join('?' * len(wanted.statuses))})"
            values.extend(sorted(wanted.statuses))
        query = f"SELECT {_COLUMNS} FROM instances WHERE {conditions} ORDER BY id{limit}"  # noqa: S608 - values are bound
        return [_from_row(row) for row in self._database.execute(query, values)]


def query_parts(wanted: Filter) -> tuple[str, list[Any], str]:
    """A filter, but for its statuses, in SQL: conditions, their values, and the limit."""
    conditions: list[str] = ["id > ?"]
    values: list[Any] = [wanted.after]
    if wanted.created_from_s is not None:
        conditions.append("created_s >= ?")
        values.append(wanted.created_from_s)
    if wanted.created_to_s is not None:
        conditions.append("created_s <= ?")
        values.append(wanted.created_to_s)
    if wanted.prefix:
        conditions.append("substr(id, 1, ?) = ?")
        values.extend((len(wanted.prefix), wanted.prefix))
    return " AND ".join(conditions), values, "" if wanted.limit is None else f" LIMIT {int(wanted.limit)}"


def _to_row(instance: Instance) -> Sequence[Any]:
    return (
        *(instance.id, instance.name, instance.version, instance.execution_id, instance.status.value, instance.input),
        *(instance.output, instance.custom_status, instance.created_s, instance.updated_s),
        json.dumps(asdict(instance.parent)) if instance.parent else None,
        _write_progress(instance.progress),
    )


def _from_row(row: Sequence[Any]) -> Instance:
    (key, name, version, execution_id, status, input_, output, custom_status, created_s, updated_s, parent, state) = row
    return Instance(
        id=key,
        name=name,
        execution_id=execution_id,
        input=input_,
        created_s=created_s,
        updated_s=updated_s,
        status=Status(status),
        version=version,
        output=output,
        custom_status=custom_status,
        parent=Parent(**json.loads(parent)) if parent else None,
        progress=_read_progress(state),
    )


def _write_progress(progress: Progress) -> str:
    retried = [[task_id, r.action, r.attempt, r.waiting] for task_id, r in progress.retried.items()]
    return json.dumps([progress.next_id, progress.actions, progress.digest, retried, list(progress.timers.items())])


def _read_progress(text: str) -> Progress:
    next_id, actions, digest, retried, timers = json.loads(text)
    attempts = {task_id: Retried(action, attempt, waiting) for task_id, action, attempt, waiting in retried}
    return Progress(next_id, actions, digest, attempts, dict(timers))
