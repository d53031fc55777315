"""Takes jobs from callers who don't send messages: checks them first, and loses none that it has said yes to."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.errors import PermanentError
from shared.jobs.intake import Delivery, Intake
from shared.jobs.kinds import Kind
from shared.jobs.record import JobRecord, row_key
from shared.messages import Envelope, OutgoingMessage
from shared.messaging.sender import MessageSender
from shared.storage.payloads import PayloadStore

SAFETY = timedelta(seconds=60)
"""When the message of a job comes that was stored at once: usually it finds the job known."""
_MESSAGE_LIMIT_BYTES = 200_000  # a message holds 256 KB (Service Bus quotas, Standard tier), properties included


@dataclass(frozen=True, slots=True)
class Submission:
    """One job that somebody wants done."""

    envelope: Envelope
    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A submission that is wrong: the how-manieth of its batch, from 0, and why."""

    index: int
    error: PermanentError


class RefusedError(PermanentError):
    """Some submissions are wrong, so none was taken."""

    code = "refused"

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__(f"{len(refused)} of the jobs can't be taken, so none was.")
        self.refused = tuple(refused)


class TakenIdError(PermanentError):
    """The id belongs to another job."""

    code = "id_taken"


class Submissions:
    """Takes jobs.

    A job is stored and lined up at once, so that it can be looked at from now on. Before, a message for it is put on
    its in queue, to come a minute later: if the process dies in between, intake finds there what is left to do. So the
    caller either hears that the job is accepted, and it is, or hears nothing, and may send it again under the same id.
    """

    def __init__(
        self, intake: Intake, payloads: PayloadStore, sender: MessageSender, clock: Callable[[], datetime]
    ) -> None:
        self._intake = intake
        self._payloads = payloads
        self._sender = sender
        self._clock = clock

    async def submit(self, kind: Kind, submissions: Sequence[Submission]) -> list[JobRecord]:
        """Take jobs, all or none. One that is known already, with the same body, is taken again.

        Raises:
            RefusedError: some aren't valid.
            TakenIdError: an id belongs to a job with another body; the other jobs are taken.
            StorageError, MessagingError: it isn't known which were taken. Send them again.
        """
        tokens = await self._check(kind.name, submissions)
        placed = [await self._place(kind.name, submission) for submission in submissions]
        await self._sender.send(kind.queues.inbox, [self._message(submission) for submission in placed])
        deliveries = [Delivery(one.envelope, one.body, tokens=count) for one, count in zip(placed, tokens, strict=True)]
        stored = await self._intake.submit(kind.name, deliveries)
        return [_same(record, submission) for record, submission in zip(stored, submissions, strict=True)]

    async def _check(self, kind: str, submissions: Sequence[Submission]) -> list[int]:
        """The tokens of each, as estimated."""
        refused: list[Refused] = []
        tokens: list[int] = []
        for index, submission in enumerate(submissions):
            try:
                tokens.append(await self._intake.check(kind, submission.body))
            except PermanentError as error:
                refused.append(Refused(index, error))
        if refused:
            raise RefusedError(refused)
        return tokens

    async def _place(self, kind: str, submission: Submission) -> Submission:
        """Leave a body under a claim check where it is too large for a message."""
        if len(submission.body) <= _MESSAGE_LIMIT_BYTES:
            return submission
        name = f"{kind}/{row_key(submission.envelope.job_id)}/body.json"
        await self._payloads.leave(name, submission.body)
        return replace(submission, envelope=replace(submission.envelope, claim_check=name))

    def _message(self, submission: Submission) -> OutgoingMessage:
        envelope = submission.envelope
        body = "" if envelope.claim_check else submission.body.decode()
        return OutgoingMessage(
            envelope.job_id, body, envelope.correlation_id, envelope.properties(), self._clock() + SAFETY
        )


def _same(record: JobRecord | None, submission: Submission) -> JobRecord:
    job_id = submission.envelope.job_id
    if record is None:
        raise TakenIdError(f"The job {job_id} was deleted in this moment.")
    # A replay may have mended the body since.
    if record.replay == 0 and record.body.sha256 != hashlib.sha256(submission.body).hexdigest():
        raise TakenIdError(f"There is another {record.kind} job {job_id}, with another body.")
    return record
