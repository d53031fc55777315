"""Jobs as callers see them."""

import hashlib
from typing import Any
from urllib.parse import quote

from shared.jobs.record import JobRecord


def job_view(record: JobRecord) -> dict[str, Any]:
    """A job without its contents."""
    view: dict[str, Any] = {
        "id": record.job_id,
        "kind": record.kind,
        "status": str(record.state),
        "priority": str(record.priority),
        "attempt": record.attempt,
        "replay": record.replay,
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "published_at": record.published_at.isoformat() if record.published_at else None,
        "app_id": record.app_id,
        "run_id": record.run_id,
        "correlation_id": record.correlation_id,
        "usage": {"input_tokens": record.input_tokens, "output_tokens": record.output_tokens},
        "error": {"code": record.error_code, "message": record.error_message or ""} if record.error_code else None,
        "links": {"self": job_url(record), "result": job_url(record, "/result")},
    }
    return {name: value for name, value in view.items() if value is not None}


def job_url(record: JobRecord, below: str = "") -> str:
    """Where a job is, or something below it. The kind is told, as another may have a job of the same id."""
    return f"/api/jobs/{quote(record.job_id, safe='')}{below}?kind={quote(record.kind, safe='')}"


def etag_of(record: JobRecord) -> str:
    """Changes with every change of the job."""
    return f'"{hashlib.sha256((record.etag or "").encode()).hexdigest()[:20]}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether a header If-None-Match names this ETag (RFC 9110, section 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags
