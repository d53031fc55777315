"""The record of one job: what the job store keeps, and its form as a table row."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.messages import Envelope, Priority
from shared.storage.payloads import Payload

ROW_VERSION = 1
_MESSAGE_ID_LIMIT_CHARS = 128  # Service Bus quotas
_RUN_JOB = re.compile(r"(run~([a-z0-9-]{1,60})~(\d{5,6}))~(\d{8,9})")


class JobState(StrEnum):
    """pending -> running -> succeeded | failed | cancelled. What is admitted is no state, but a message on its way.

    paused: pending, but it doesn't line up until its run goes on.
    """

    PENDING = "pending"
    PAUSED = "paused"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class InList:
    """Where a job is in the list of jobs.

    Attributes:
        state: under which it is thought to be there.
        sure: whether that was written by this process; else it may have been cut off before.
    """

    state: JobState
    sure: bool = False


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job.

    Attributes:
        body: the original message body, kept whatever becomes of the job.
        attempt: the attempt that runs, or runs next; from 1. A replay starts again at 1.
        booking: number of the permission to make one model call. Each is spent once; it grows with every attempt,
            interruption and replay.
        tokens: what the endpoint will charge for the next call, as estimated.
        interruptions: how often a run ended without a word (a crash, or a lost lock).
        throttles: how often the endpoint answered 429 to it.
        draft: an answer that didn't fit the schema, for the one repair call; `draft_error` says why.
        not_before: earliest start of the next attempt.
        outcome: the stored Outcome, as JSON.
        failure_key: row of the failure index, while the job is failed.
        etag: of the row that this was read from.
        listed: where the list of jobs has it, as far as this process knows.
    """

    kind: str
    job_id: str
    body: Payload
    created_at: datetime
    updated_at: datetime
    state: JobState = JobState.PENDING
    attempt: int = 1
    booking: int = 1
    tokens: int = 0
    interruptions: int = 0
    throttles: int = 0
    replay: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    audio_s: float | None = None
    app_id: str | None = None
    priority: Priority = Priority.NORMAL
    run_id: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    traceparent: str | None = None
    claim_check: str | None = None
    claim_check_sha256: str | None = None
    webhook: str | None = None
    draft: Payload | None = None
    draft_error: str | None = None
    not_before: datetime | None = None
    outcome: Payload | None = None
    error_code: str | None = None
    error_message: str | None = None
    failure_key: str | None = None
    published_at: datetime | None = None
    etag: str | None = None
    listed: InList | None = field(default=None, compare=False)

    @classmethod
    def new(cls, kind: str, envelope: Envelope, body: Payload, now: datetime, tokens: int = 0) -> "JobRecord":
        """A pending job."""
        return cls(
            kind=kind,
            job_id=envelope.job_id,
            body=body,
            tokens=tokens,
            created_at=now,
            updated_at=now,
            app_id=envelope.app_id,
            priority=envelope.priority,
            run_id=envelope.run_id,
            correlation_id=envelope.correlation_id,
            reply_to=envelope.reply_to,
            traceparent=envelope.traceparent,
            claim_check=envelope.claim_check,
            claim_check_sha256=envelope.claim_check_sha256,
            webhook=envelope.webhook,
        )

    @property
    def blob_prefix(self) -> str:
        """Where the job's large payloads are."""
        return self.prefix(self.kind, self.job_id)

    @staticmethod
    def prefix(kind: str, job_id: str) -> str:
        """As blob_prefix, for a job that has no record yet."""
        return f"{kind}/{row_key(job_id)}"

    @property
    def outcome_message_id(self) -> str:
        """`{job}:{replay}`."""
        return message_id(self.job_id, str(self.replay))

    def to_row(self) -> dict[str, Any]:
        """As a table entity. Payloads become three columns each; None is left out."""
        row: dict[str, Any] = {
            "PartitionKey": partition_key(self.kind, self.job_id),
            "RowKey": row_key(self.job_id),
            "v": ROW_VERSION,
        }
        for column in fields(self):
            value = getattr(self, column.name)
            if value is None or column.name in ("etag", "listed"):
                continue
            if isinstance(value, Payload):
                row[f"{column.name}_size"] = value.size
                row[f"{column.name}_sha256"] = value.sha256
                if value.inline is not None:
                    row[f"{column.name}_inline"] = value.inline
                else:
                    row[f"{column.name}_blob"] = value.blob
            else:
                row[column.name] = str(value) if isinstance(value, StrEnum) else value
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any], etag: str | None) -> "JobRecord":
        """Read a table entity. Columns of newer versions are ignored."""
        values: dict[str, Any] = {f.name: row[f.name] for f in fields(cls) if row.get(f.name) is not None}
        for name in ("body", "draft", "outcome"):
            if f"{name}_size" in row:
                inline, blob = row.get(f"{name}_inline"), row.get(f"{name}_blob")
                values[name] = Payload(row[f"{name}_size"], row[f"{name}_sha256"], inline=inline, blob=blob)
        values["state"] = JobState(values["state"])
        values["priority"] = Priority(values["priority"])
        return cls(**values, etag=etag, listed=InList(values["state"]))

    def changed(self, now: datetime, **changes: Any) -> "JobRecord":
        """A copy with these changes, to be written over the row that this was read from."""
        return replace(self, updated_at=now, **changes)


def partition_key(kind: str, job_id: str) -> str:
    """256 partitions per kind: a partition of a table serves about 2,000 entities a second (Table storage targets).

    Jobs of one part of a run share a partition, so that a part is written and read as a whole.
    """
    of_run = _RUN_JOB.fullmatch(job_id)
    return f"{kind}-{hashlib.sha256((of_run[1] if of_run else job_id).encode()).hexdigest()[:2]}"


def run_job_id(run: str, part: int, row: int) -> str:
    """The job of a row of a run (shared/runs)."""
    return f"run~{run}~{part:05d}~{row:08d}"


def run_of(job_id: str) -> tuple[str, int, int] | None:
    """Run, part and row of a job; None for one that belongs to no run."""
    found = _RUN_JOB.fullmatch(job_id)
    return (found[2], int(found[3]), int(found[4])) if found else None


def job_digest(kind: str, job_id: str) -> str:
    """A short name of a job, where the whole would make a key too long: 64 bits, so that no two jobs share one."""
    return hashlib.sha256(f"{kind}\n{job_id}".encode()).hexdigest()[:16]


def row_key(job_id: str) -> str:
    """The job id in characters that table keys and blob names allow, reversibly."""
    return re.sub(r"[^A-Za-z0-9._~-]", lambda m: "".join(f"={byte:02X}" for byte in m[0].encode()), job_id)


def job_id_of(key: str) -> str | None:
    """The job id that `row_key` made this of; None where it made no such key."""
    try:
        job_id = re.sub(rb"=([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), key.encode()).decode()
    except UnicodeError:
        return None
    return job_id if row_key(job_id) == key else None


def partitions(kind: str) -> list[str]:
    """All that `partition_key` gives for jobs of a kind."""
    return [f"{kind}-{number:02x}" for number in range(256)]


def message_id(job_id: str, suffix: str) -> str:
    """`{job}:{suffix}`, with a digest for a job id that is too long for both."""
    whole = f"{job_id}:{suffix}"
    if len(whole) <= _MESSAGE_ID_LIMIT_CHARS:
        return whole
    return f"{hashlib.sha256(job_id.encode()).hexdigest()}:{suffix}"
