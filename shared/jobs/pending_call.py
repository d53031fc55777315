"""One call that waits for quota: its row in the table, and the message that lets it be made."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.jobs.record import JobRecord, job_digest, message_id, row_key
from shared.messages import OutgoingMessage, Priority, RunTicket

_RANKS = {Priority.HIGH: "1", Priority.NORMAL: "2", Priority.LOW: "3"}
_PRIORITIES = {rank: priority for priority, rank in _RANKS.items()}
_NO_APP = "="
_OPTIONAL = ("run_id", "correlation_id", "traceparent", "instance", "event")


@dataclass(frozen=True, slots=True)
class PendingCall:
    """One call of one job that waits for a booking.

    Attributes:
        key: of its row.
        tokens: what the endpoint will charge, as estimated.
        due_ms: not before this time; milliseconds since 1970.
        instance, event: the orchestration that makes this call, and the event by which it hears of its booking; None
            for a call that a message on the run queue brings about.
    """

    key: str
    kind: str
    job_id: str
    attempt: int
    booking: int
    app: str
    priority: Priority
    tokens: int
    due_ms: int
    run_id: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    instance: str | None = None
    event: str | None = None

    @classmethod
    def orchestrated(
        cls,
        *,
        instance: str,
        event: str,
        kind: str,
        job_id: str,
        booking: int,
        tokens: int,
        app_id: str,
        priority: str,
        at_s: float,
        traceparent: str | None = None,
    ) -> "PendingCall":
        """A call of an orchestration. `event` is unique, so that it names the row."""
        rank, due_ms = _RANKS[Priority(priority)], int(at_s * 1000)
        digest = job_digest(instance, event)
        return cls(
            key=f"p:{_app_key(app_id)}:{rank}:{due_ms:013d}:{digest}:{booking}",
            kind=kind,
            job_id=job_id,
            attempt=1,
            booking=booking,
            app=app_id,
            priority=Priority(priority),
            tokens=max(1, tokens),
            due_ms=due_ms,
            traceparent=traceparent,
            instance=instance,
            event=event,
        )

    @classmethod
    def of(cls, record: JobRecord) -> "PendingCall":
        """The next call of a pending job."""
        due_ms = int((record.not_before or record.created_at).timestamp() * 1000)
        app = record.app_id or ""
        digest = job_digest(record.kind, record.job_id)
        key = f"p:{_app_key(app)}:{_RANKS[record.priority]}:{due_ms:013d}:{digest}:{record.booking}"
        return cls(
            key,
            record.kind,
            record.job_id,
            record.attempt,
            record.booking,
            app,
            record.priority,
            max(1, record.tokens),
            due_ms,
            record.run_id,
            record.correlation_id,
            record.traceparent,
        )

    def ticket(self, start_s: float, tolerance_s: float, epoch: int, due_s: float | None = None) -> RunTicket:
        """What lets the call be made, with the token counter's booking; see run_message."""
        return RunTicket(
            kind=self.kind,
            job_id=self.job_id,
            attempt=self.attempt,
            booking=self.booking,
            tokens=self.tokens,
            start_s=start_s,
            tolerance_s=tolerance_s,
            epoch=epoch,
            due_s=due_s or 0.0,
            call=self.event or "",
        )

    def run_message(
        self, start_s: float = 0.0, tolerance_s: float = 0.0, epoch: int = 0, due_s: float | None = None
    ) -> OutgoingMessage:
        """The message that lets the call be made. Its id, `{job}:{attempt}:{booking}`, makes sending it twice harmless.

        Args:
            start_s, tolerance_s, epoch: of the token counter's booking.
            due_s: when it is to be delivered; None for at once.
        """
        ticket = self.ticket(start_s, tolerance_s, epoch, due_s)
        return OutgoingMessage(
            message_id=message_id(self.job_id, f"{self.attempt}:{self.booking}"),
            body=ticket.encode(),
            correlation_id=self.correlation_id,
            properties={
                "job_id": self.job_id,
                "app_id": self.app or None,
                "run_id": self.run_id,
                "traceparent": self.traceparent,
            },
            not_before=None if due_s is None else datetime.fromtimestamp(due_s, UTC),
        )

    def to_row(self, partition: str) -> dict[str, Any]:
        """As a table entity."""
        columns = ("kind", "job_id", "attempt", "booking", "app", "tokens", *_OPTIONAL)
        values = {name: getattr(self, name) for name in columns if getattr(self, name) is not None}
        return {"PartitionKey": partition, "RowKey": self.key, **values}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "PendingCall":
        """Read a table entity."""
        _, _, rank, due_ms, _, _ = row["RowKey"].split(":")
        return cls(
            key=row["RowKey"],
            kind=row["kind"],
            job_id=row["job_id"],
            attempt=row["attempt"],
            booking=row["booking"],
            app=row["app"],
            priority=_PRIORITIES[rank],
            tokens=row["tokens"],
            due_ms=int(due_ms),
            **{name: row.get(name) for name in _OPTIONAL},
        )


def _app_key(app: str) -> str:
    key = row_key(app) or _NO_APP
    return key if len(key) <= 60 else f"={hashlib.sha256(app.encode()).hexdigest()[:32]}"
