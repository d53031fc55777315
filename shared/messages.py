"""What comes in and what goes out: the forms of messages, and their decoding with errors that name the field."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from shared.errors import InvalidMessageError

JSON_CONTENT = "application/json"
FAILURE_TEXT_LIMIT_CHARS = 1_000
_LONGEST_URL_CHARS = 2_048


class Priority(StrEnum):
    """Whose turn it is within one app."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a Service Bus message says about a job beside its body.

    Attributes:
        job_id: the producer's message id.
        reply_to: the queue that wants the outcome instead of the kind's own out queue.
        claim_check: name of a blob that holds the body, where the message doesn't.
        webhook: address that is told the outcome.
    """

    job_id: str
    correlation_id: str | None = None
    reply_to: str | None = None
    app_id: str | None = None
    priority: Priority = Priority.NORMAL
    run_id: str | None = None
    traceparent: str | None = None
    claim_check: str | None = None
    claim_check_sha256: str | None = None
    webhook: str | None = None

    @classmethod
    def from_message(
        cls,
        message_id: str,
        properties: Mapping[str, object],
        *,
        correlation_id: str | None = None,
        reply_to: str | None = None,
    ) -> "Envelope":
        """Read the envelope. A property that isn't understood is left out rather than refused."""

        def text(name: str, most: int = 512) -> str | None:
            value = properties.get(name)
            return str(value)[:most] if value not in (None, "") else None

        priority = text("priority")
        return cls(
            job_id=message_id,
            correlation_id=correlation_id or None,
            reply_to=reply_to or None,
            app_id=text("app_id"),
            priority=Priority(priority) if priority in set(Priority) else Priority.NORMAL,
            run_id=text("run_id"),
            traceparent=text("traceparent") or text("Diagnostic-Id"),
            claim_check=text("claim_check"),
            claim_check_sha256=text("claim_check_sha256"),
            webhook=text("webhook", _LONGEST_URL_CHARS),
        )

    def properties(self) -> dict[str, str | int | None]:
        """The application properties that `from_message` reads this from."""
        return {
            "app_id": self.app_id,
            "priority": str(self.priority),
            "run_id": self.run_id,
            "traceparent": self.traceparent,
            "claim_check": self.claim_check,
            "claim_check_sha256": self.claim_check_sha256,
            "webhook": self.webhook,
        }


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message that we send. `properties` that are None are left out."""

    message_id: str
    body: str
    correlation_id: str | None = None
    properties: Mapping[str, str | int | None] = field(default_factory=dict)
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunTicket:
    """The body of a message on a run queue: which call of which job may be made, and when. No contents.

    Attributes:
        booking: the job's own number of this permission.
        tokens: as booked with the token counter.
        start_s: not earlier, by the server's clock, in seconds since 1970; 0 for a call that isn't booked.
        tolerance_s: how long after that.
        epoch: of the booking; a later 429 makes it void.
        due_s: when this message was scheduled for; 0 where it was sent at once.
        call: tells calls of one job apart that wait side by side; "" where there is one at a time.
    """

    kind: str
    job_id: str
    attempt: int
    booking: int
    tokens: int = 0
    start_s: float = 0.0
    tolerance_s: float = 0.0
    epoch: int = 0
    due_s: float = 0.0
    call: str = ""

    def encode(self) -> str:
        """As the body of a message."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, body: bytes) -> "RunTicket":
        """Read a body.

        Raises:
            InvalidMessageError: it isn't one of ours.
        """
        return cls(**decode_body(_RunTicketBody, body).model_dump())


_Seconds = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]


class _RunTicketBody(BaseModel):
    model_config = ConfigDict(strict=True)

    kind: str
    job_id: str
    attempt: int
    booking: int
    tokens: Annotated[int, Field(ge=0)] = 0
    start_s: _Seconds = 0.0
    tolerance_s: _Seconds = 0.0
    epoch: Annotated[int, Field(ge=0)] = 0
    due_s: _Seconds = 0.0
    call: str = ""


class FeedbackRequest(BaseModel):
    """One piece of customer feedback. What has no field of its own belongs in `metadata`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feedback_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    text: str
    language: Annotated[str, StringConstraints(min_length=2, max_length=35)] | None = None
    source: Annotated[str, StringConstraints(max_length=256)] | None = None
    rating: float | None = Field(default=None, allow_inf_nan=False)
    created_at: datetime | None = None
    metadata: dict[str, JsonValue] | None = None

    @classmethod
    def decode(cls, body: bytes, max_text_chars: int) -> "FeedbackRequest":
        """Read a body.

        Args:
            max_text_chars: longest `text` that is accepted.

        Raises:
            InvalidMessageError: says what is wrong, and in which field.
        """
        request = decode_body(cls, body)
        if not request.text.strip():
            raise InvalidMessageError("The field text is empty.", field="text")
        if len(request.text) > max_text_chars:
            raise InvalidMessageError(
                f"The field text has {len(request.text)} characters; {max_text_chars} are allowed "
                "(FEEDBACK_MAX_TEXT_CHARS).",
                field="text",
            )
        return request


class Failure(BaseModel):
    """Why a job failed: a stable code for programs, a text for people, the field at fault where there is one."""

    code: str
    message: str = Field(max_length=FAILURE_TEXT_LIMIT_CHARS)
    field: str | None = None


class TokenUsage(BaseModel):
    """Tokens billed over all attempts of a job that got an answer."""

    input_tokens: int = 0
    output_tokens: int = 0


class Outcome(BaseModel):
    """How a job ended. It is stored once, then published.

    Attributes:
        status: "succeeded" with `result`, or "failed" with `error`.
        replay: 0, and one more each time the job was replayed.
    """

    job_id: str
    kind: str
    status: str
    result: dict[str, JsonValue] | None = None
    error: Failure | None = None
    model: str | None = None
    usage: TokenUsage = TokenUsage()
    attempts: int = 0
    replay: int = 0
    completed_at: datetime


def decode_body[T: BaseModel](form: type[T], body: bytes) -> T:
    """Read the body of a message.

    Raises:
        InvalidMessageError: says what is wrong, and in which field.
    """
    if not body.strip():
        raise InvalidMessageError("The message has no body.")
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        # Without the input: error texts are stored and logged, and the input is the user's.
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise InvalidMessageError(_reason(first["type"], field, first["msg"]), field=field) from None


def _reason(kind: str, field: str | None, text: str) -> str:
    if kind == "json_invalid":
        return f"The body is not JSON: {text.removeprefix('Invalid JSON: ')}."
    if field is None:
        return "The body must be a JSON object."
    if kind == "missing":
        return f"The field {field} is missing."
    if kind == "extra_forbidden":
        return f"The field {field} is unknown. Put additional data into metadata."
    return f"The field {field} is wrong: {text}."


def to_json(value: Any) -> str:
    """Compact JSON, with characters beyond ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
