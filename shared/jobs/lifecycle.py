"""What happens to a job next: pure decisions over its record. Nothing here waits, reads or writes.

A run makes one attempt. Whatever needs another call (a retry, a repair, a run that was cut off) puts the job back to
pending under a new booking, and lines up for the quota.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import AbandonedJobError, InvalidOutputError, RateLimitedError, SluiceError, TransientError
from shared.jobs.record import JobRecord, JobState
from shared.messages import FAILURE_TEXT_LIMIT_CHARS, RunTicket
from shared.resilience.retry import RetryPolicy

# As many as Service Bus would deliver a message (MaxDeliveryCount) before it gives up.
MAX_INTERRUPTIONS = 10
TOO_MANY_DELIVERIES = "MaxDeliveryCountExceeded"
"""Service Bus's reason for a dead letter that nobody completed: usually storage was away, or the process died."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Write this record, then make the attempt."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class Requeue:
    """Write this record if it changed, then line up its next call."""

    record: JobRecord
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """The job ends as failed for this reason."""

    record: JobRecord
    error: SluiceError


@dataclass(frozen=True, slots=True)
class Publish:
    """The outcome is stored but not published yet."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing is left to do for this message."""

    reason: str


type Decision = Begin | Requeue | Fail | Publish | Ignore


def on_ticket(record: JobRecord | None, ticket: RunTicket, now: datetime) -> Decision:
    """A message on the run queue was delivered."""
    if record is None:
        return Ignore("unknown_job")
    if record.state.final:
        return on_duplicate(record)
    if ticket.booking != record.booking:
        # An older message came again. Its successor may never have been sent (a crash in between): send it (again).
        return on_duplicate(record)
    if record.state is JobState.RUNNING:
        # This very message started a run that never reported: the process died, or its lock was lost.
        return _on_interruption(record, now)
    return Begin(record.changed(now, state=JobState.RUNNING))


def on_dead_letter(record: JobRecord, ticket: RunTicket, reason: str, now: datetime) -> Decision:
    """A message on the run queue was dead-lettered.

    Args:
        reason: Service Bus's. Too many deliveries count as one more interruption, so that an outage, which uses up
            the deliveries of every message it meets, ends no job.
    """
    if record.state.final or ticket.booking != record.booking:
        return on_duplicate(record)
    if reason == TOO_MANY_DELIVERIES:
        return _on_interruption(record, now)
    return Fail(record, AbandonedJobError(f"Service Bus dead-lettered the run message: {reason}"))


def _on_interruption(record: JobRecord, now: datetime) -> Requeue | Fail:
    if record.interruptions + 1 > MAX_INTERRUPTIONS:
        return Fail(record, AbandonedJobError(f"The job was interrupted {record.interruptions + 1} times."))
    again = record.changed(
        now, state=JobState.PENDING, booking=record.booking + 1, interruptions=record.interruptions + 1
    )
    return Requeue(again, changed=True)


def on_duplicate(record: JobRecord) -> Decision:
    """A message came for a job that is already known: finish whatever step was cut off."""
    if record.state.final:
        return Ignore("already_published") if record.published_at else Publish(record)
    if record.state is JobState.PAUSED:
        return Ignore("paused")
    return Requeue(record) if record.state is JobState.PENDING else Ignore("already_running")


def on_error(
    record: JobRecord,
    error: SluiceError,
    policy: RetryPolicy,
    now: datetime,
    *,
    max_throttles: int = 50,
    draft_kept: bool = False,
) -> Requeue | Fail:
    """An attempt failed.

    Args:
        max_throttles: how many 429s a job may get. Each stops everybody for a while, so that one which can never
            succeed (because the quota is lower than the settings say) must not go on for ever.
        draft_kept: whether this record carries the invalid output of the attempt, for its one repair call.
    """
    if isinstance(error, InvalidOutputError) and draft_kept:
        return Requeue(record.changed(now, state=JobState.PENDING, booking=record.booking + 1), changed=True)
    if isinstance(error, RateLimitedError):
        # Not the job's fault, and no attempt: the quota is shared with others. Everyone waits now.
        throttled = record.changed(now, throttles=record.throttles + 1)
        return on_missed(throttled, now) if throttled.throttles < max_throttles else Fail(throttled, error)
    if isinstance(error, TransientError) and record.attempt < policy.max_attempts:
        delay_s = policy.delay_s(record.attempt, error.retry_after_s)
        again = record.changed(
            now,
            state=JobState.PENDING,
            attempt=record.attempt + 1,
            booking=record.booking + 1,
            not_before=now + timedelta(seconds=delay_s),
        )
        return Requeue(again, changed=True)
    return Fail(record, error)


def on_missed(record: JobRecord, now: datetime) -> Requeue:
    """The booking came to nothing, and no call was made: the job lines up again in its old place."""
    return Requeue(record.changed(now, state=JobState.PENDING, booking=record.booking + 1), changed=True)


def paused(record: JobRecord, now: datetime) -> JobRecord:
    """A pending job waits for its run to go on. What is booked for it is of no use any more."""
    return record.changed(now, state=JobState.PAUSED, booking=record.booking + 1)


def resumed(record: JobRecord, now: datetime) -> JobRecord:
    """A paused job lines up again."""
    return record.changed(now, state=JobState.PENDING)


def replayed(record: JobRecord, now: datetime) -> JobRecord:
    """A failed job starts again from its original (or mended) body."""
    return record.changed(
        now,
        state=JobState.PENDING,
        attempt=1,
        booking=record.booking + 1,
        replay=record.replay + 1,
        interruptions=0,
        throttles=0,
        draft=None,
        draft_error=None,
        not_before=None,
        outcome=None,
        error_code=None,
        error_message=None,
        published_at=None,
    )


def failure_text(record: JobRecord, error: SluiceError) -> str:
    """The reason as stored: what happened, and after how many attempts where there were several."""
    text = str(error)
    if isinstance(error, RateLimitedError) and record.throttles > 1:
        text = f"{text} Given up after {record.throttles} refusals."
    elif isinstance(error, TransientError) and record.attempt > 1:
        text = f"{text} Given up after {record.attempt} attempts."
    return text[:FAILURE_TEXT_LIMIT_CHARS]
