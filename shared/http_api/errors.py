"""Errors that bring a status of HTTP with them."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from shared.errors import PermanentError


class HttpError(PermanentError):
    """A request that can't be met.

    Args:
        more: further members of the problem, such as `job_id`.

    Attributes:
        headers: of the response.
    """

    status: ClassVar[int] = 400
    code = "bad_request"

    def __init__(self, message: str = "", *, field: str | None = None, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, field=field)
        self.more = dict(more or {})
        self.headers: dict[str, str] = {}


class ResourceNotFoundError(HttpError):
    """There is no such thing, or not for this caller.

    Args:
        resource: what, such as "job".
        resource_id: its id.
    """

    status = 404
    code = "not_found"

    def __init__(self, resource: str, resource_id: str, *, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"There is no {resource} {resource_id}.", more=more)


class StateConflictError(HttpError):
    """The thing isn't in a state that allows this."""

    status = 409
    code = "conflict"


class CrossSiteError(HttpError):
    """A web page of another site sent this."""

    status = 403
    code = "cross_site"


class BodyTooLargeError(HttpError):
    """The body is larger than is allowed."""

    status = 413
    code = "body_too_large"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"The body may have {most_bytes} bytes (SLUICE_HTTP_MAX_BODY_BYTES).")


class MediaTypeError(HttpError):
    """The body isn't of a type that this takes."""

    status = 415
    code = "unsupported_media_type"

    def __init__(self, accepted: str) -> None:
        super().__init__(f"Send the body as {accepted}, with the header Content-Type.")


class RateLimitExceededError(HttpError):
    """The caller asks too often."""

    status = 429
    code = "too_many_requests"

    def __init__(self, limit: int, window_s: float, retry_after_s: float, headers: Mapping[str, str]) -> None:
        super().__init__(f"{limit} requests in {window_s:g} s are allowed. Wait {retry_after_s:.1f} s.")
        self.headers = {**headers, "Retry-After": str(max(1, math.ceil(retry_after_s)))}
