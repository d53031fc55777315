"""A task hub: what the hosts that share it store and take from it.

Every method is one short transaction. Those that store the outcome of work are fenced: they fail if the partition, or
the activity, meanwhile belongs to another host.
"""

import json
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from local.host.durable import episode
from local.host.durable.database import Database, HubFileError
from local.host.durable.entity import BatchResult
from local.host.durable.history import EventType, message
from local.host.durable.instance_table import Filter, InstanceTable, query_parts
from local.host.durable.records import Instance, Message, Operation, Outgoing, RunActivity, Send, StartChild, Status

AT_ONCE = 200
"""The most messages that are read for one episode."""

_FIRST = -1.0  # due time of what goes before everything else
_NEVER = 1e18
_URGENT = frozenset(
    {
        EventType.EXECUTION_STARTED,
        EventType.EXECUTION_TERMINATED,
        EventType.EXECUTION_SUSPENDED,
        EventType.EXECUTION_RESUMED,
    }
)


class FencedError(Exception):
    """Another host has taken over; what was done here is void."""


class ReplacedError(FencedError):
    """The instance was meanwhile replaced, purged or ended otherwise."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a partition. `epoch` tells its holder from later ones."""

    partition: int
    owner: str
    epoch: int


class Hub:
    """Args:
    path: the hub's file.
    partitions: how many parts the instances are divided into; the same for all hosts of a hub.

    Raises:
        HubFileError: the file can't be used.
    """

    def __init__(self, path: Path, partitions: int = 4) -> None:
        self.database = Database(path)
        self.instances = InstanceTable(self.database)
        self.partitions = partitions
        (existing,) = self.database.execute("SELECT count(*) FROM leases").fetchone()
        if existing not in (0, partitions):
            self.database.close()
            raise HubFileError(
                f"the task hub {path} has {existing} partitions, but partitionCount is {partitions}: instances would "
                "be lost. Set partitionCount back, or use another hubName"
            )

    def partition_of(self, target: str) -> int:
        """The partition of an instance or entity."""
        return zlib.crc32(target.encode()) % self.partitions

    def ready(self, partitions: Collection[int], now_s: float, busy: Collection[str], limit: int) -> list[str]:
        """Instances and entities with something to do, the longest waiting first."""
        marks = ", ".join("?" * len(partitions))
        query = f"SELECT target FROM agenda WHERE partition IN ({marks}) AND due_s <= ? ORDER BY due_s LIMIT ?"  # noqa: S608 - marks only
        rows = self.database.execute(query, (*partitions, now_s, limit + len(busy)))
        return [target for (target,) in rows if target not in busy][:limit]

    def next_due_s(self, partitions: Collection[int], now_s: float) -> float | None:
        """When something will be to be done that isn't yet."""
        marks = ", ".join("?" * len(partitions))
        query = f"SELECT min(due_s) FROM agenda WHERE partition IN ({marks}) AND due_s > ? AND due_s < {_NEVER}"  # noqa: S608 - marks only
        due_s: float | None = self.database.execute(query, (*partitions, now_s)).fetchone()[0]
        return due_s

    def messages(self, instance_id: str, now_s: float) -> list[Message]:
        """What waits for an instance and is due: starts and changes of status first, then the oldest."""
        query = "SELECT seq, body, execution_id FROM inbox WHERE target=? AND due_s<=? ORDER BY due_s>=0, seq LIMIT ?"
        rows = self.database.execute(query, (instance_id, now_s, AT_ONCE))
        return [Message(seq, json.loads(body), execution_id) for seq, body, execution_id in rows]

    def operations(self, entity_id: str, limit: int) -> list[tuple[int, Operation]]:
        """What waits for an entity, with its place in the inbox."""
        query = "SELECT seq, body FROM inbox WHERE target=? ORDER BY seq LIMIT ?"
        return [(seq, Operation(**json.loads(body))) for seq, body in self.database.execute(query, (entity_id, limit))]

    def start(self, instance: Instance) -> None:
        """Store a new instance, in place of an old one, and have it begin."""
        with self.database.transaction():
            self.instances.clear(instance.id)
            self.instances.put(instance)
            self.send((Send(instance.id, episode.start_event(instance), instance.execution_id),), instance)

    def send(self, outgoing: Iterable[Outgoing], sender: Instance | None = None) -> None:
        """Put messages where they are to be found.

        Args:
            sender: whose activities they are.
        """
        with self.database.transaction():
            for item in outgoing:
                match item:
                    case Send():
                        due_s = _FIRST if item.event["EventType"] in _URGENT else item.due_s
                        self._put(item.target, json.dumps(item.event), due_s, item.execution_id, item.timer_id)
                    case Operation():
                        fields = [item.target, item.id, item.name, item.input, item.parent, item.parent_execution]
                        names = ("target", "id", "name", "input", "parent", "parent_execution")
                        self._put(item.target, json.dumps(dict(zip(names, fields, strict=True))))
                    case StartChild():
                        self._start_child(item.instance)
                    case RunActivity() if sender is not None:
                        self.database.execute(
                            "INSERT INTO work(instance_id, execution_id, task_id, name, input) VALUES(?, ?, ?, ?, ?)",
                            (sender.id, sender.execution_id, item.task_id, item.name, item.input),
                        )

    def drop(self, lease: Lease, target: str, messages: Iterable[Message]) -> None:
        """Forget messages that nobody waits for.

        Raises:
            FencedError: the lease is another host's.
        """
        with self.database.transaction():
            self.check(lease)
            self._delete(m.seq for m in messages)
            self._plan(target)

    def commit_episode(
        self, lease: Lease, before: Instance, commit: episode.Commit, taken: Iterable[Message], seen: int
    ) -> None:
        """Store the outcome of an episode.

        Args:
            before: the instance as the episode found it.
            taken: the messages that are done with.
            seen: the last message that was there when the episode began: at continue-as-new, external events up to it
                are void, as in the cloud.

        Raises:
            FencedError: the lease is another host's, or the instance isn't the same any more.
        """
        with self.database.transaction():
            self.check(lease)
            self._delete(m.seq for m in taken)
            self._store(before, commit, seen)
            self._plan(before.id)

    def postpone(self, target: str, due_s: float) -> None:
        """Look at an instance or entity no earlier, unless something new arrives for it."""
        with self.database.transaction():
            self.database.execute("UPDATE agenda SET due_s=? WHERE target=?", (due_s, target))

    def park(self, target: str) -> None:
        """Look at an instance only when something new arrives for it."""
        self.postpone(target, _NEVER)

    def entity_state(self, entity_id: str) -> str | None:
        """JSON text, or None if the entity doesn't exist."""
        row = self.database.execute("SELECT state FROM entities WHERE id=?", (entity_id,)).fetchone()
        return None if row is None else str(row[0])

    def entities(self, wanted: Filter) -> list[Instance]:
        """The entities that a filter lets through, as the instances that they are in the cloud."""
        if wanted.statuses is not None and Status.RUNNING not in wanted.statuses:
            return []
        conditions, values, limit = query_parts(wanted)
        query = f"SELECT id, state, created_s, updated_s FROM entities WHERE {conditions} ORDER BY id{limit}"  # noqa: S608 - values are bound
        return [
            Instance(
                id=key,
                name=key,
                execution_id="",
                input=json.dumps({"exists": True, "state": state, "sorter": {}}),
                created_s=created_s,
                updated_s=updated_s,
                status=Status.RUNNING,
                custom_status='{"entityExists":true}',
            )
            for key, state, created_s, updated_s in self.database.execute(query, values)
        ]

    def delete_entity(self, entity_id: str) -> None:
        """Delete an entity's state."""
        with self.database.transaction():
            self.database.execute("DELETE FROM entities WHERE id=?", (entity_id,))

    def commit_batch(
        self, lease: Lease, entity_id: str, done: Iterable[int], result: BatchResult, now_s: float
    ) -> None:
        """Store the outcome of a batch of operations.

        Raises:
            FencedError: the lease is another host's.
        """
        with self.database.transaction():
            self.check(lease)
            self._delete(done)
            if result.state is None:
                self.database.execute("DELETE FROM entities WHERE id=?", (entity_id,))
            else:
                self.database.execute(
                    "INSERT INTO entities(id, state, created_s, updated_s) VALUES(?, ?, ?, ?) "
                    "ON CONFLICT(id) DO UPDATE SET state=excluded.state, created_s=excluded.created_s, "
                    "updated_s=excluded.updated_s",
                    (entity_id, result.state, now_s, now_s),
                )
            self.send(result.answers)
            self._plan(entity_id)

    def check(self, lease: Lease) -> None:
        """Raises:
        FencedError: the partition is another host's.
        """
        query = "SELECT 1 FROM leases WHERE partition=? AND owner=? AND epoch=?"
        if self.database.execute(query, (lease.partition, lease.owner, lease.epoch)).fetchone() is None:
            raise FencedError(f"partition {lease.partition} has another owner")

    def _store(self, before: Instance, commit: episode.Commit, seen: int) -> None:
        stored = self.instances.get(before.id)
        if stored is None or stored.execution_id != before.execution_id or stored.status.ended:
            raise ReplacedError(f"instance {before.id} was replaced, ended or purged")
        after = commit.instance
        if commit.continued:
            self.instances.clear_history(before.id)
            self._delete_of_execution(before)
            events = self.database.execute(
                "SELECT seq, body FROM inbox WHERE target=? AND seq<=? AND execution_id IS NULL", (before.id, seen)
            ).fetchall()
            self._delete(seq for seq, body in events if json.loads(body)["EventType"] == EventType.EVENT_RAISED)
        elif commit.events:
            self.instances.append_history(before.id, episode.stored(commit.events))
        if after.status.ended:
            self._delete_of_execution(before)
        self.instances.put(after)
        # Activities of the old execution are run also if it continues as new.
        self.send(commit.outgoing, before)
        for timer_id in commit.cancelled:
            self.database.execute(
                "DELETE FROM inbox WHERE target=? AND timer_id=? AND execution_id=?",
                (before.id, timer_id, before.execution_id),
            )

    def _delete_of_execution(self, instance: Instance) -> None:
        self.database.execute(
            "DELETE FROM inbox WHERE target=? AND execution_id=?", (instance.id, instance.execution_id)
        )

    def _start_child(self, child: Instance) -> None:
        existing = self.instances.get(child.id)
        if existing is None or existing.status.ended:
            self.start(child)
        elif child.parent is not None:
            reason = f"An Orchestration instance with the status {existing.status} already exists."
            failed = message(
                EventType.SUB_ORCHESTRATION_FAILED, TaskScheduledId=child.parent.task_id, Reason=reason, Details=""
            )
            self.send((Send(child.parent.instance_id, failed, child.parent.execution_id),))

    def _put(
        self, target: str, body: str, due_s: float = 0.0, execution_id: str | None = None, timer_id: int | None = None
    ) -> None:
        self.database.execute(
            "INSERT INTO inbox(target, due_s, execution_id, timer_id, body) VALUES(?, ?, ?, ?, ?)",
            (target, due_s, execution_id, timer_id, body),
        )
        self.database.execute(
            "INSERT INTO agenda(target, partition, due_s) VALUES(?, ?, ?) "
            "ON CONFLICT(target) DO UPDATE SET due_s=min(due_s, excluded.due_s)",
            (target, self.partition_of(target), due_s),
        )

    def _delete(self, seqs: Iterable[int]) -> None:
        self.database.many("DELETE FROM inbox WHERE seq=?", [(seq,) for seq in seqs])

    def _plan(self, target: str) -> None:
        """Enter in the agenda when a target's next message is due."""
        due_s = self.database.execute("SELECT min(due_s) FROM inbox WHERE target=?", (target,)).fetchone()[0]
        if due_s is None:
            self.database.execute("DELETE FROM agenda WHERE target=?", (target,))
        else:
            self.database.execute("UPDATE agenda SET due_s=? WHERE target=?", (due_s, target))
