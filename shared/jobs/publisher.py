"""Ends jobs: stores the outcome once, and publishes it."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from shared.errors import ConflictError, SluiceError, UnknownQueueError
from shared.jobs.job_telemetry import job_ended
from shared.jobs.kinds import Kind
from shared.jobs.lifecycle import failure_text
from shared.jobs.record import JobRecord, JobState, run_of
from shared.jobs.store import JobStore
from shared.jobs.webhook_ticket import WebhookTicket
from shared.messages import Failure, Outcome, OutgoingMessage, TokenUsage, to_json
from shared.messaging.sender import MessageSender
from shared.storage.payloads import PayloadStore
from shared.telemetry.events import log_event

# A message holds 256 KB (Service Bus quotas, Standard tier), properties included.
MESSAGE_BODY_LIMIT_BYTES = 200_000
_CONFLICT_LIMIT = 5

logger = logging.getLogger(__name__)


class Publisher:
    """The last steps of every job, shared by intake, runner, dead letters and replay.

    Args:
        webhook_queue: where the calls of webhooks wait; None for none.
    """

    def __init__(
        self,
        store: JobStore,
        payloads: PayloadStore,
        sender: MessageSender,
        kinds: Mapping[str, Kind],
        clock: Callable[[], datetime],
        webhook_queue: str | None = None,
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._sender = sender
        self._kinds = kinds
        self._clock = clock
        self._webhook_queue = webhook_queue

    async def succeeded(self, record: JobRecord, result: Mapping[str, object], model: str | None) -> JobRecord:
        """A succeeded job with its outcome, not written yet."""
        return await self._with_outcome(record, JobState.SUCCEEDED, result=dict(result), model=model)

    async def failed(self, record: JobRecord, error: SluiceError, model: str | None = None) -> JobRecord:
        """A failed job with its outcome, not written yet."""
        failure = Failure(code=error.code, message=failure_text(record, error), field=error.field)
        ended = await self._with_outcome(record, JobState.FAILED, error=failure, model=model)
        return ended.changed(ended.updated_at, error_code=failure.code, error_message=failure.message)

    async def cancelled(self, record: JobRecord) -> JobRecord:
        """A cancelled job with its outcome, not written yet."""
        failure = Failure(code="cancelled", message="The job was cancelled before it ended.")
        ended = await self._with_outcome(record, JobState.CANCELLED, error=failure, model=None)
        return ended.changed(ended.updated_at, error_code=failure.code, error_message=failure.message)

    async def end(self, record: JobRecord) -> bool:
        """Write a final record unless another run was first, then publish whichever outcome is stored.

        Returns:
            Whether this record was written.
        """
        stored, written = await self._write_outcome(record)
        if written:
            job_ended(stored)
        await self.publish(stored)
        return written

    async def publish(self, record: JobRecord) -> None:
        """Send a stored outcome to `reply_to` or the out queue, and mark it published.

        A crash before the mark sends it again under the same message id, which duplicate detection drops.
        """
        if record.outcome is None or record.published_at is not None:
            return
        message = await self._outcome_message(record)
        outbox = self._kinds[record.kind].queues.outbox
        try:
            await self._sender.send(record.reply_to or outbox, [message])
        except UnknownQueueError:
            if record.reply_to in (None, outbox):
                raise
            log_event(logger, "reply_to_unknown", level=logging.WARNING, job_id=record.job_id)
            await self._sender.send(outbox, [message])
        if record.webhook is not None and self._webhook_queue is not None:
            await self._sender.send(self._webhook_queue, [WebhookTicket.of(record).message()])
        await self._mark_published(record)

    async def _with_outcome(
        self,
        record: JobRecord,
        state: JobState,
        *,
        model: str | None,
        result: dict[str, object] | None = None,
        error: Failure | None = None,
    ) -> JobRecord:
        now = self._clock()
        outcome = Outcome.model_validate(
            {
                "job_id": record.job_id,
                "kind": record.kind,
                "status": str(state),
                "result": result,
                "error": error,
                "model": model,
                "usage": TokenUsage(input_tokens=record.input_tokens, output_tokens=record.output_tokens),
                "attempts": record.attempt,
                "replay": record.replay,
                "completed_at": now,
            }
        )
        text = to_json(outcome.model_dump(mode="json", exclude_none=True))
        payload = await self._payloads.keep(f"{record.blob_prefix}/outcome", text.encode())
        # Those of a run are read from the store (shared/runs/results.py): in the out queue nobody would take them out.
        published_at = now if run_of(record.job_id) else None
        return record.changed(now, state=state, outcome=payload, not_before=None, published_at=published_at)

    async def _write_outcome(self, record: JobRecord) -> tuple[JobRecord, bool]:
        """One outcome wins: the first that is written. Returns the winner, and whether it is this one."""
        for _ in range(_CONFLICT_LIMIT):
            try:
                return await self._store.update(record), True
            except ConflictError:
                current = await self._store.get(record.kind, record.job_id)
                if current is None or current.state.final:
                    log_event(logger, "outcome_dropped", job_id=record.job_id, kind=record.kind)
                    return current or record.changed(record.updated_at, outcome=None), False
                record = record.changed(
                    record.updated_at, etag=current.etag, booking=max(record.booking, current.booking)
                )
        raise ConflictError(f"The job {record.job_id} keeps changing while its outcome is stored.")

    async def _mark_published(self, record: JobRecord) -> None:
        log_event(logger, "job_published", job_id=record.job_id, kind=record.kind, status=str(record.state))
        try:
            await self._store.update(record.changed(self._clock(), published_at=self._clock()))
        except ConflictError:
            # Another copy marked it, or a replay has begun: both know that this outcome is out.
            log_event(logger, "published_elsewhere", job_id=record.job_id, kind=record.kind)

    async def _outcome_message(self, record: JobRecord) -> OutgoingMessage:
        assert record.outcome is not None  # noqa: S101 - publish() checks
        data = await self._payloads.load(record.outcome)
        properties: dict[str, str | int | None] = {
            "job_id": record.job_id,
            "kind": record.kind,
            "status": str(record.state),
            "app_id": record.app_id,
            "run_id": record.run_id,
            "traceparent": record.traceparent,
        }
        body = data.decode()
        if len(data) > MESSAGE_BODY_LIMIT_BYTES:
            name = f"{record.blob_prefix}/outcome-{record.replay}.json"
            await self._payloads.leave(name, data)
            properties |= {"claim_check": name, "claim_check_sha256": record.outcome.sha256}
            body = to_json({k: properties[k] for k in ("job_id", "kind", "status", "claim_check")})
        return OutgoingMessage(
            message_id=record.outcome_message_id,
            body=body,
            correlation_id=record.correlation_id or record.job_id,
            properties=properties,
        )
