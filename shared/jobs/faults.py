"""Errors that end jobs and come from neither their messages nor the model."""

import logging
import traceback

from shared.errors import PermanentError
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)


class InternalError(PermanentError):
    """The code of this kind of job has a fault."""

    code = "internal"


class LimitLoweredError(PermanentError):
    """A call became larger than the whole quota, as the limit was lowered."""

    code = "oversized_request"

    def __init__(self, tokens: int) -> None:
        super().__init__(
            f"The request needs {tokens} tokens; the limit of tokens per minute was lowered below that since it was "
            "accepted, so it can never run. Raise the limit and replay it, or shorten the input.",
            field="tokens",
        )


def internal_error(fault: Exception, job_id: str) -> InternalError:
    """Log a fault and make it an error. Its text may quote the body, so only where it happened is logged."""
    frames = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(traceback.extract_tb(fault.__traceback__)))
    log_event(logger, "job_fault", level=logging.ERROR, job_id=job_id, where=frames)
    return InternalError(f"The job's code failed with {type(fault).__name__}; the log event job_fault says where.")
