"""Which host works on which partition: leases that are balanced between live hosts and run out with dead ones."""

import os
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psutil

from local.host.durable.database import Database
from local.host.durable.hub import Lease

LEASE_S = 6.0
RENEW_S = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a host should do about the partitions."""

    acquire: tuple[int, ...]
    release: tuple[int, ...]


def plan(me: str, hosts: Collection[str], owners: Mapping[int, str | None]) -> Plan:
    """Balance: every live host has as many partitions as the others, give or take one.

    Args:
        hosts: all that are alive and work, this one among them or not.
        owners: of all partitions; None where nobody has a valid lease.
    """
    share = 0
    if me in hosts:
        each, more = divmod(len(owners), len(hosts))
        share = each + (sorted(hosts).index(me) < more)
    mine = sorted(partition for partition, owner in owners.items() if owner == me)
    free = sorted(partition for partition, owner in owners.items() if owner is None)
    return Plan(tuple(free[: max(0, share - len(mine))]), tuple(mine[share:]))


class Leases:
    """The leases of one host.

    Args:
        works: False for a host that only has clients: it takes no partition.

    Attributes:
        host: the name of this host, unlike that of any other or earlier one.
        held: by partition.
        expires_s: until when they are good without being renewed.
        alone: whether no other host has the hub open.
    """

    def __init__(self, database: Database, partitions: int, *, works: bool = True) -> None:
        self.host = uuid.uuid4().hex
        self.held: dict[int, Lease] = {}
        self.expires_s = 0.0
        self.alone = True
        self._database = database
        self._partitions = partitions
        self._works = works
        self._process = (os.getpid(), psutil.Process().create_time())

    def join(self, now_s: float) -> None:
        """Take part. Hosts that have died on this machine without leaving are struck off: a host that is started
        again after a kill needn't wait for its own lease."""
        with self._database.transaction():
            for partition in range(self._partitions):
                self._database.execute("INSERT OR IGNORE INTO leases VALUES(?, NULL, 0, 0)", (partition,))
            for host, pid, started_s in self._database.execute("SELECT id, pid, started_s FROM hosts").fetchall():
                if not _is_alive(pid, started_s):
                    self._strike_off(host)
        self.tick(now_s)

    def tick(self, now_s: float, in_use: Collection[int] = ()) -> None:
        """Renew what is held, take what is free, give up what is too much. To be called every RENEW_S.

        Args:
            in_use: partitions with work under way, which are given up later.
        """
        expires_s = now_s + LEASE_S
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO hosts VALUES(?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET seen_s=excluded.seen_s",
                (self.host, self._works, now_s, *self._process),
            )
            self._database.execute("DELETE FROM hosts WHERE seen_s < ?", (now_s - LEASE_S,))
            hosts = self._database.execute("SELECT id, works FROM hosts").fetchall()
            rows = self._database.execute("SELECT partition, owner, epoch, expires_s FROM leases").fetchall()
            epochs = {partition: epoch for partition, _, epoch, _ in rows}
            valid = {p: owner if until_s > now_s or owner == self.host else None for p, owner, _, until_s in rows}
            decided = plan(self.host, {host for host, works in hosts if works}, valid)
            self.held = {p: Lease(p, self.host, epochs[p]) for p, owner in valid.items() if owner == self.host}
            for partition in decided.release:
                if partition not in in_use:
                    self._set(partition, None, epochs[partition], 0.0)
                    del self.held[partition]
            for partition in self.held:
                self._set(partition, self.host, epochs[partition], expires_s)
            for partition in decided.acquire:
                self._set(partition, self.host, epochs[partition] + 1, expires_s)
                self.held[partition] = Lease(partition, self.host, epochs[partition] + 1)
        self.expires_s = expires_s
        self.alone = len(hosts) == 1

    def lost(self, lease: Lease) -> None:
        """Take note that another host has taken over."""
        if self.held.get(lease.partition) == lease:
            del self.held[lease.partition]

    def leave(self) -> None:
        """Give everything up, so that another host takes over at once."""
        self.held = {}
        with self._database.transaction():
            self._strike_off(self.host)

    def _strike_off(self, host: str) -> None:
        self._database.execute("DELETE FROM hosts WHERE id=?", (host,))
        self._database.execute("UPDATE leases SET owner=NULL, expires_s=0 WHERE owner=?", (host,))
        self._database.execute("UPDATE work SET owner=NULL, locked_until_s=0 WHERE owner=?", (host,))

    def _set(self, partition: int, owner: str | None, epoch: int, expires_s: float) -> None:
        self._database.execute(
            "UPDATE leases SET owner=?, epoch=?, expires_s=? WHERE partition=?", (owner, epoch, expires_s, partition)
        )


def _is_alive(pid: int, started_s: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - started_s) < 1.0
    except psutil.NoSuchProcess:
        return False
