"""Requests and responses as the API sees them."""

import json
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.security.caller import Caller

JSON = "application/json"
PROBLEM = "application/problem+json"

_JOB_ID_LIMIT_CHARS = 128
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:/@+=-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        url: whole, with its query; it may hold a key, so it is never logged.
        params: of the route.
        headers: with names in lower case.
    """

    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def media_type(self) -> str:
        """Of the body, without parameters; empty where it isn't said."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. Security headers are added on the way out.

    Attributes:
        about: ids and numbers of what was changed, for the audit log.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """What connects a request with what follows from it.

    Attributes:
        correlation_id: the caller's, or one of our own.
        trace_id: of the trace that the request is part of (W3C Trace Context).
        job_id: that the request is about, where its address names one.
    """

    correlation_id: str
    trace_id: str
    job_id: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str], params: Mapping[str, str] | None = None) -> "Trail":
        """From a request; ids that aren't well formed are replaced."""
        job_id = (params or {}).get("id", "")
        given = headers.get("x-correlation-id", "")
        correlation_id = given if _CORRELATION_ID.fullmatch(given) else uuid.uuid4().hex
        trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        named = job_id[:_JOB_ID_LIMIT_CHARS] if job_id.isprintable() else ""
        return cls(correlation_id, trace[1] if trace else secrets.token_hex(16), named or None)

    @property
    def traceparent(self) -> str:
        """A new span of the trace."""
        return f"00-{self.trace_id}-{secrets.token_hex(8)}-01"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let through, for the one who answers it.

    Attributes:
        caller: None only where the endpoint asks nobody.
        client: of durable functions, where the endpoint wants one.
    """

    request: Request
    trail: Trail
    caller: Caller | None = None
    client: Any = None

    @property
    def who(self) -> Caller:
        """The caller of an endpoint that asks for one."""
        assert self.caller is not None  # noqa: S101 - the pipeline sees to it
        return self.caller


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None, kind: str = JSON
) -> Response:
    """A JSON answer."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(status, text.encode("utf-8", "backslashreplace"), kind, headers or {})
