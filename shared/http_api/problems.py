"""Errors as callers see them: problems (RFC 9457) with ids to ask by. Never a stack, never a text of the caller's."""

import logging
import traceback
from http import HTTPStatus
from typing import Any

from shared.errors import InvalidMessageError, SluiceError, TransientError
from shared.http_api.errors import HttpError
from shared.http_api.messages import PROBLEM, Response, Trail, json_response
from shared.security.errors import AuthenticationError, InvalidTokenError
from shared.telemetry.events import log_event

TYPES = "/api/docs#"
"""Before the code: an address that explains it."""

_RETRY_S = 5

_STATUS = {
    "blob_changed": 409,
    "conflict": 409,
    "configuration": 503,
    "dataset": 400,
    "forbidden": 403,
    "invalid_message": 400,
    "invalid_token": 401,
    "invalid_webhook": 400,
    "id_taken": 409,
    "job_ended": 409,
    "job_running": 409,
    "not_configured": 409,
    "other_file": 409,
    "oversized_request": 413,
    "run_ended": 409,
    "run_name": 400,
    "unauthenticated": 401,
    "unavailable": 503,
    "unknown_deployment": 404,
    "unknown_queue": 400,
    "unknown_run": 404,
}
"""Of errors that don't bring a status."""

logger = logging.getLogger(__name__)


def status_of(error: SluiceError) -> int:
    """The HTTP status of an error."""
    return status_of_class(type(error))


def status_of_class(error: type[SluiceError]) -> int:
    """The same by its class. Of what isn't known otherwise, what may succeed later is 503, a job's own mistake 400."""
    if issubclass(error, HttpError):
        return error.status
    if issubclass(error, TransientError):
        return status_of_code(error.code, 503)
    return status_of_code(error.code, 400 if issubclass(error, InvalidMessageError) else 500)


def status_of_code(code: str, otherwise: int) -> int:
    """The HTTP status of an error that is known by its code alone."""
    return _STATUS.get(code, otherwise)


def problem(
    code: str, status: int, detail: str, trail: Trail, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """A problem as a response. `more` that is None is left out."""
    content = {
        "type": f"{TYPES}{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "trace_id": trail.trace_id,
        "correlation_id": trail.correlation_id,
        **({"job_id": trail.job_id} if trail.job_id else {}),
        **{name: value for name, value in more.items() if value is not None},
    }
    return json_response(content, status, headers, PROBLEM)


def problem_of(error: Exception, trail: Trail) -> Response:
    """The response to an error. One that isn't ours is logged by its place alone: its text may quote a body."""
    if not isinstance(error, SluiceError):
        frames = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(traceback.extract_tb(error.__traceback__)))
        log_event(
            logger,
            "http_fault",
            level=logging.ERROR,
            reason=type(error).__name__,
            where=frames,
            correlation_id=trail.correlation_id,
        )
        return problem("internal", 500, "This is a fault of ours. Its log names the correlation id.", trail)
    status = status_of(error)
    more: dict[str, Any] = dict(error.more) if isinstance(error, HttpError) else {}
    if error.field is not None:
        more["field"] = error.field
    return problem(error.code, status, str(error), trail, _headers(error, status), **more)


def _headers(error: SluiceError, status: int) -> dict[str, str]:
    if isinstance(error, AuthenticationError):
        hint = ' error="invalid_token"' if isinstance(error, InvalidTokenError) else ""
        return {"WWW-Authenticate": f"Bearer{hint}"}
    if isinstance(error, HttpError):
        return error.headers
    if status == 503:
        wait_s = error.retry_after_s if isinstance(error, TransientError) else None
        return {"Retry-After": str(max(1, round(wait_s or _RETRY_S)))}
    return {}
