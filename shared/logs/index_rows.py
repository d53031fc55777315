"""Rows of the table `logindex` (shared/logs/index.py) and what they stand for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.logs.job_ids import JobIds
from shared.logs.sequence import Arrived, count
from shared.logs.verify import LogFacts, LogState

_GAP_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What is known of one process's files.

    Attributes:
        arrived: the numbers that are indexed.
        begun, begun_at: the highest number that the process announced, and when.
        gap_at: when the last number was first skipped.
        told: how many missing files were reported.
    """

    app: str
    instance: str
    arrived: Arrived
    begun: int
    begun_at: datetime | None
    gap_at: datetime | None
    first: datetime | None
    last: datetime | None
    told: int
    lines: int = 0

    def missing(self, before: datetime) -> list[tuple[int, int]]:
        """Numbers that have not arrived though they were begun, or skipped, before this time."""
        skipped = self.gap_at is None or self.gap_at < before
        ended = self.begun_at is not None and self.begun_at < before
        return [
            (first, last)
            for first, last in self.arrived.missing(self.begun)
            if (ended if first > self.arrived.highest else skipped)
        ]

    def missing_count(self, before: datetime) -> int:
        """How many there are."""
        return count(self.missing(before)) + self.arrived.closed


def file_row(facts: LogFacts) -> dict[str, Any]:
    """The row of a file."""
    return {
        "PartitionKey": file_partition(facts.app, facts.date),
        "RowKey": f"{time_key(facts.last)}:{facts.blob.rpartition('/')[2]}",
        "instance": facts.instance,
        "number": facts.number,
        "first": facts.first,
        "last": facts.last,
        "lines": facts.lines,
        "bad": facts.bad,
        "errors": facts.errors,
        "warnings": facts.warnings,
        "size": facts.size,
        "stored": facts.stored,
        "sha256": facts.sha256,
        "state": str(facts.state),
        "problem": facts.problem,
        **facts.jobs.as_row(),
    }


def file_partition(app: str, date: str) -> str:
    """Of the files of one day."""
    return f"f:{app}:{date}"


def instance_partition(app: str) -> str:
    """Of the instances of an app."""
    return f"i:{app}"


def with_arrival(row: Mapping[str, Any], facts: LogFacts) -> dict[str, Any]:
    """What changes in the row of an instance when this file arrives.

    Args:
        row: as it is; empty where there is none.
    """
    arrived = arrived_of(row).with_number(facts.number)
    gaps = arrived.missing(0)
    more = count(gaps) > count(arrived_of(row).missing(0))
    missing = count(gaps) + arrived.closed
    first, last = row.get("first"), row.get("last")
    return {
        "PartitionKey": instance_partition(facts.app),
        "RowKey": facts.instance,
        "arrived": str(arrived),
        "closed": arrived.closed,
        # For people who look at the table; what counts is worked out from `arrived` and `begun`.
        "missing": missing,
        "gaps": json.dumps(gaps)[:_GAP_CHARS],
        **({"gap_at": datetime.now(UTC)} if more else {}),
        "told": min(int(row.get("told") or 0), missing),
        "first": min(first, facts.first) if first else facts.first,
        "last": max(last, facts.last) if last else facts.last,
        "lines": int(row.get("lines") or 0) + facts.lines,
    }


def arrived_of(row: Mapping[str, Any]) -> Arrived:
    """The numbers that an instance's row has. One that can't be read has none: its files are indexed again."""
    try:
        return Arrived.parse(str(row.get("arrived") or ""), int(row.get("closed") or 0))
    except ValueError:
        return Arrived()


def instance_facts(row: Mapping[str, Any]) -> InstanceFacts:
    """What the row of an instance stands for."""
    return InstanceFacts(
        app=row["PartitionKey"].removeprefix("i:"),
        instance=row["RowKey"],
        arrived=arrived_of(row),
        begun=int(row.get("begun") or 0),
        begun_at=row.get("begun_at"),
        gap_at=row.get("gap_at"),
        first=row.get("first"),
        last=row.get("last"),
        told=int(row.get("told") or 0),
        lines=int(row.get("lines") or 0),
    )


def file_facts(row: Mapping[str, Any]) -> LogFacts:
    """What the row of a file stands for."""
    _, app, date = row["PartitionKey"].split(":")
    return LogFacts(
        app=app,
        instance=row.get("instance") or "",
        number=int(row.get("number") or 0),
        date=date,
        blob=f"{app}/{date}/{row['RowKey'].partition(':')[2]}",
        first=row["first"],
        last=row["last"],
        lines=int(row.get("lines") or 0),
        size=int(row.get("size") or 0),
        stored=int(row.get("stored") or 0),
        sha256=row.get("sha256") or "",
        state=LogState(row.get("state") or LogState.OK),
        bad=int(row.get("bad") or 0),
        errors=int(row.get("errors") or 0),
        warnings=int(row.get("warnings") or 0),
        problem=row.get("problem") or "",
        jobs=JobIds.from_row(dict(row)),
    )


def time_key(moment: datetime) -> str:
    """A time as a part of a row key, in the order of time."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
