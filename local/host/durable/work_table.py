"""Activities that wait for any host, or run on one under a lock that it renews."""

from collections.abc import Collection
from dataclasses import dataclass

from local.host.durable.database import Database
from local.host.durable.history import Event
from local.host.durable.hub import FencedError, Hub
from local.host.durable.records import Send

LOCK_S = 6.0
"""How long an activity belongs to a host that doesn't say anything any more."""


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity that a host has claimed."""

    seq: int
    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input: str | None


class WorkTable:
    """The activities as one host sees them.

    Args:
        host: its name.
    """

    def __init__(self, hub: Hub, host: str) -> None:
        self._hub = hub
        self._database: Database = hub.database
        self._host = host

    def claim(self, limit: int, now_s: float) -> list[Activity]:
        """Take activities that nobody works on, the oldest first."""
        if limit <= 0 or self.next_free_s() > now_s:
            return []
        with self._database.transaction():
            rows = self._database.execute(
                "UPDATE work SET owner=?, locked_until_s=? WHERE seq IN "
                "(SELECT seq FROM work WHERE locked_until_s<=? ORDER BY locked_until_s, seq LIMIT ?) "
                "RETURNING seq, instance_id, execution_id, task_id, name, input",
                (self._host, now_s + LOCK_S, now_s, limit),
            ).fetchall()
        return sorted((Activity(*row) for row in rows), key=lambda activity: activity.seq)

    def next_free_s(self) -> float:
        """When the next activity can be claimed; infinity if there is none."""
        free_s = self._database.execute("SELECT min(locked_until_s) FROM work").fetchone()[0]
        return float("inf") if free_s is None else float(free_s)

    def renew(self, seqs: Collection[int], now_s: float) -> None:
        """Keep those under way."""
        if seqs:
            with self._database.transaction():
                self._database.many(
                    "UPDATE work SET locked_until_s=? WHERE seq=? AND owner=?",
                    [(now_s + LOCK_S, seq, self._host) for seq in seqs],
                )

    def release(self, activity: Activity, free_s: float) -> None:
        """Give an activity back, to be run again from a time on."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE work SET owner=NULL, locked_until_s=? WHERE seq=? AND owner=?",
                (free_s, activity.seq, self._host),
            )

    def complete(self, activity: Activity, event: Event) -> None:
        """Send the outcome to the orchestration, once.

        Raises:
            FencedError: it took so long that the activity is another host's, or its instance was purged.
        """
        with self._database.transaction():
            done = self._database.execute("DELETE FROM work WHERE seq=? AND owner=?", (activity.seq, self._host))
            if done.rowcount != 1:
                raise FencedError(f"activity '{activity.name}' belongs to another host now")
            self._hub.send((Send(activity.instance_id, event, activity.execution_id),))
