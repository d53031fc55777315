"""Entries of the list of jobs: what they are called, so that each question is one range of rows.

Table `sluicelist`, partitions `{kind}-{0..3}` by the job's digest. Rows of one job in one state:

    s:{state}:{newest first}:{digest}          jobs of a state
    a:{app}:{state}:{newest first}:{digest}    jobs of an app in a state, where the job names one
    o:{state}:{oldest first}:{digest}          how old the oldest is, of states that aren't final

Times are those of creation. The keys follow from the job and its state alone: writing them again is harmless.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.jobs.record import JobRecord, JobState, job_digest

LIST_TABLE = "sluicelist"
PARTITIONS = 4
"""A partition serves 2,000 entities a second (Table storage targets), and a job's way writes about 14 of them."""
LAST_MS = 10**13 - 1


@dataclass(frozen=True, slots=True)
class ListEntry:
    """What the list knows of a job."""

    kind: str
    job_id: str
    app_id: str | None
    created_ms: int

    @classmethod
    def of(cls, record: JobRecord) -> "ListEntry":
        """Of a job."""
        return cls(record.kind, record.job_id, record.app_id, milliseconds(record.created_at))

    @property
    def digest(self) -> str:
        """Short, and unlike that of any other job."""
        return job_digest(self.kind, self.job_id)

    @property
    def partition(self) -> str:
        """The partition of its rows."""
        return f"{self.kind}-{int(self.digest[0], 16) % PARTITIONS}"

    def keys(self, state: JobState) -> list[str]:
        """Its rows while it is in this state; the first of them always exists."""
        newest = position(self.created_ms, self.digest)
        keys = [f"{state_prefix(state)}{newest}"]
        if self.app_id:
            keys.append(f"{app_prefix(self.app_id, state)}{newest}")
        if not state.final:
            keys.append(f"{oldest_prefix(state)}{self.created_ms:013d}:{self.digest}")
        return keys

    def rows(self, state: JobState) -> Iterator[dict[str, Any]]:
        """The same as entities."""
        for key in self.keys(state):
            row = {
                "PartitionKey": self.partition,
                "RowKey": key,
                "job_id": self.job_id,
                "created_ms": str(self.created_ms),
            }
            yield row | ({"app": self.app_id} if self.app_id else {})

    @classmethod
    def from_row(cls, kind: str, row: Any) -> "ListEntry":
        """Read an entity."""
        return cls(kind, row["job_id"], row.get("app"), int(row["created_ms"]))


def partitions(kind: str) -> list[str]:
    """All partitions of a kind."""
    return [f"{kind}-{number}" for number in range(PARTITIONS)]


def state_prefix(state: JobState) -> str:
    """Of the rows of all jobs in a state."""
    return f"s:{state}:"


def app_prefix(app_id: str, state: JobState) -> str:
    """Of the rows of an app's jobs in a state. The app's digest, as its name may be long and hold any character."""
    return f"a:{hashlib.sha256(app_id.encode()).hexdigest()[:16]}:{state}:"


def oldest_prefix(state: JobState) -> str:
    """Of the rows that begin with the oldest job."""
    return f"o:{state}:"


def position(created_ms: int, digest: str) -> str:
    """The end of a row key that sorts the newest first."""
    return f"{LAST_MS - created_ms:013d}:{digest}"


def milliseconds(when: datetime) -> int:
    """Since 1970."""
    return int(when.timestamp() * 1000)


def moment(created_ms: int) -> datetime:
    """The reverse of `milliseconds`."""
    return datetime.fromtimestamp(created_ms / 1000, UTC)
