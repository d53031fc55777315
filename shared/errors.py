"""The error tree. Everything that Sluice raises on purpose is one of these.

SluiceError
├── PermanentError              tried once, never retried
│   ├── InvalidMessageError     the job's own input is wrong: says which field
│   ├── ContentFilteredError    the endpoint refused the prompt or the answer
│   ├── ModelRequestError       the endpoint rejects the request as such (400, 413, 422)
│   │   └── UnknownDeploymentError  no such deployment (404)
│   ├── InvalidOutputError      the model's answer doesn't fit the schema
│   ├── UnknownQueueError       no queue of this name, or we may not send to it
│   ├── AbandonedJobError       deliveries or interruptions are used up
│   ├── InvalidAudioError       the recording is at fault: see shared/audio/errors.py
│   ├── UnreadableFileError     a file on this machine is gone or can't be read
│   └── ConfigurationError      a setting is missing or wrong
└── TransientError              may succeed later
    ├── RateLimitedError        429
    ├── AccessDeniedError       401 or 403: role assignments take minutes to arrive
    ├── ModelTimeoutError       no answer in time, or 408
    ├── ModelUnavailableError   5xx, or the connection failed
    ├── StorageError            blobs or tables
    │   └── ConflictError       somebody else changed the row first
    └── MessagingError          Service Bus

`code` is stable and meant for programs; the text is for people and never holds a message body or a prompt.
"""

from collections.abc import Sequence
from typing import ClassVar


class SluiceError(Exception):
    """Base of all errors.

    Args:
        message: what happened, where, and what to do about it.
        field: path of the input field at fault, such as "metadata.order_id", where there is one.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "", *, field: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        self.field = field


class PermanentError(SluiceError):
    """Trying again can't help."""

    code = "permanent"


class InvalidMessageError(PermanentError):
    """The message doesn't have the form of its kind of job."""

    code = "invalid_message"


class ContentFilteredError(PermanentError):
    """The content filter of the endpoint refused the prompt or the answer."""

    code = "content_filtered"


class ModelRequestError(PermanentError):
    """The endpoint rejects the request as such."""

    code = "model_request_rejected"


class UnknownDeploymentError(ModelRequestError):
    """The endpoint has no deployment of this name."""

    code = "unknown_deployment"


class InvalidOutputError(PermanentError):
    """The model's answer doesn't fit the output schema.

    Args:
        output: the answer as it came, for the repair call. Never logged.
    """

    code = "invalid_output"

    def __init__(self, message: str = "", *, field: str | None = None, output: str = "") -> None:
        super().__init__(message, field=field)
        self.output = output


class ConfigurationError(PermanentError):
    """A setting is missing or wrong.

    Args:
        message: several count as one, a line each.
        field: the name of the setting.
    """

    code = "configuration"

    def __init__(self, message: str | Sequence[str] = "", *, field: str | None = None) -> None:
        super().__init__(message if isinstance(message, str) else "\n".join(message), field=field)


class UnknownQueueError(PermanentError):
    """Service Bus has no queue of this name, or we may not send to it."""

    code = "unknown_queue"


class AbandonedJobError(PermanentError):
    """The job was delivered or interrupted too often without an end."""

    code = "abandoned"


class UnreadableFileError(PermanentError):
    """A file on this machine is gone or can't be read."""

    code = "unreadable_file"


class TransientError(SluiceError):
    """May succeed later.

    Args:
        retry_after_s: seconds that the other side asked us to wait, where it did.
    """

    code = "transient"

    def __init__(self, message: str = "", *, field: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, field=field)
        self.retry_after_s = retry_after_s


class RateLimitedError(TransientError):
    """The endpoint answered 429: the quota is used up for now."""

    code = "rate_limited"


class BookingMissedError(TransientError):
    """The call came too late for its booking and was not made."""

    code = "booking_missed"


class AccessDeniedError(TransientError):
    """The endpoint refuses our identity (401 or 403)."""

    code = "access_denied"


class ModelTimeoutError(TransientError):
    """The endpoint didn't answer in time."""

    code = "model_timeout"


class ModelUnavailableError(TransientError):
    """The endpoint failed (5xx) or can't be reached.

    Args:
        reached: False only where the call certainly never reached the endpoint (connection refused), so that
            nothing was charged and it may be repeated at once.
    """

    code = "model_unavailable"

    def __init__(
        self, message: str = "", *, field: str | None = None, retry_after_s: float | None = None, reached: bool = True
    ) -> None:
        super().__init__(message, field=field, retry_after_s=retry_after_s)
        self.reached = reached


class StorageError(TransientError):
    """Blob or table storage failed or can't be reached."""

    code = "storage"


class ConflictError(StorageError):
    """Somebody else changed the row since it was read."""

    code = "conflict"


class MessagingError(TransientError):
    """Service Bus failed or can't be reached."""

    code = "messaging"
