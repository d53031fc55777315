"""The message that has a webhook called, and when it is tried again."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.jobs.record import JobRecord, message_id
from shared.messages import OutgoingMessage, decode_body, to_json

DELAYS_S = (10.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 43_200.0)
"""Before each further try: the last is some 20 hours after the first."""


@dataclass(frozen=True, slots=True)
class WebhookTicket:
    """Which outcome is to be told, for the how-manieth time, from 1."""

    kind: str
    job_id: str
    replay: int
    attempt: int = 1

    @classmethod
    def of(cls, record: JobRecord) -> "WebhookTicket":
        """For a job that has ended."""
        return cls(record.kind, record.job_id, record.replay)

    @classmethod
    def decode(cls, body: bytes) -> "WebhookTicket":
        """Read the body of a message.

        Raises:
            InvalidMessageError: it isn't one of ours.
        """
        return cls(**decode_body(_Body, body).model_dump())

    @property
    def delay_s(self) -> float | None:
        """Until the next try, should this one fail; None where it was the last."""
        return DELAYS_S[self.attempt - 1] if self.attempt <= len(DELAYS_S) else None

    def message(self) -> OutgoingMessage:
        """To be sent to the queue of webhooks. Its id makes it one, however often it is sent."""
        body = {"kind": self.kind, "job_id": self.job_id, "replay": self.replay, "attempt": self.attempt}
        return OutgoingMessage(message_id(f"{self.kind}:{self.job_id}", f"{self.replay}:{self.attempt}"), to_json(body))


class _Body(BaseModel):
    model_config = ConfigDict(strict=True)

    kind: str
    job_id: str
    replay: Annotated[int, Field(ge=0)]
    attempt: Annotated[int, Field(ge=1, le=100)] = 1
