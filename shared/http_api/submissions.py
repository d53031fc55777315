"""Reads submitted jobs from requests: one as it is, or several in a list."""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints, ValidationError

from shared.errors import InvalidMessageError
from shared.http_api.errors import HttpError
from shared.http_api.messages import Call
from shared.http_api.query import Query
from shared.jobs.submission import Refused, Submission
from shared.messages import Envelope, Priority, to_json
from shared.security.errors import ForbiddenError
from shared.security.outbound import MAX_URL_CHARS, AllowedTargets

BATCH_LIMIT = 100
JOB_ID = r"[A-Za-z0-9._~:@-]{1,128}"
PARAMETERS = ("id", "app", "priority", "run", "webhook")

_Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
_JobId = Annotated[str, StringConstraints(pattern=rf"^{JOB_ID}$")]


class BatchItem(BaseModel):
    """One job of a batch: its body, and what is said about it."""

    model_config = ConfigDict(extra="forbid")

    id: _JobId | None = None
    body: dict[str, JsonValue]
    app_id: _Name | None = None
    priority: Priority = Priority.NORMAL
    run_id: _Name | None = None
    correlation_id: _Name | None = None
    webhook: Annotated[str, StringConstraints(max_length=MAX_URL_CHARS)] | None = None


class BatchError(HttpError):
    """Some jobs of a batch are wrong.

    Args:
        refused: which and why.
    """

    code = "invalid_batch"

    def __init__(self, refused: list[Refused]) -> None:
        errors = [
            {"index": one.index, "code": one.error.code, "detail": str(one.error)}
            | ({"field": one.error.field} if one.error.field else {})
            for one in refused
        ]
        super().__init__(
            f"{len(errors)} of the jobs can't be taken, so none was.", more={"errors": errors[:BATCH_LIMIT]}
        )


def submissions_in(call: Call, kind: str, targets: AllowedTargets) -> tuple[list[Submission], bool]:
    """The jobs that a request submits, and whether it is a batch.

    Args:
        targets: of webhooks.

    Raises:
        InvalidMessageError, ParameterError, BatchError, ForbiddenError
    """
    query = Query(call.request.query, PARAMETERS)
    key = idempotency_key(call.request.headers)
    default = Envelope(
        job_id="",
        correlation_id=call.trail.correlation_id,
        app_id=app_of(call, query.text("app")),
        priority=Priority(query.choice("priority", Priority) or Priority.NORMAL),
        run_id=query.text("run"),
        traceparent=call.trail.traceparent,
        webhook=_webhook(query.text("webhook", MAX_URL_CHARS), targets),
    )
    given = query.text("id")
    if given is not None and not re.fullmatch(JOB_ID, given):
        raise InvalidMessageError("A job id may have up to 128 letters, digits and . _ ~ : @ -.", field="id")
    if call.request.body.lstrip()[:1] != b"[":
        job_id = given or (_derived(call, kind, key) if key else uuid.uuid4().hex)
        return [Submission(replace(default, job_id=job_id), call.request.body)], False
    if given is not None:
        raise InvalidMessageError("The parameter id names one job; give those of a batch in its items.", field="id")
    return _batch(call, kind, key, default, targets), True


def _batch(call: Call, kind: str, key: str | None, default: Envelope, targets: AllowedTargets) -> list[Submission]:
    items = _read_list(call.request.body)
    if not 0 < len(items) <= BATCH_LIMIT:
        raise InvalidMessageError(f"A batch has 1 to {BATCH_LIMIT} jobs; this one has {len(items)}.")
    refused: list[Refused] = []
    found: list[Submission] = []
    seen: set[str] = set()
    for index, raw in enumerate(items):
        try:
            submission = _item(call, kind, f"{key}\0{index}" if key else None, default, targets, raw)
            if submission.envelope.job_id in seen:
                raise InvalidMessageError(f"The id {submission.envelope.job_id} comes twice.", field="id")
        except (InvalidMessageError, ForbiddenError) as error:
            refused.append(Refused(index, error))
        else:
            seen.add(submission.envelope.job_id)
            found.append(submission)
    if refused:
        raise BatchError(refused)
    return found


def _item(call: Call, kind: str, key: str | None, default: Envelope, targets: AllowedTargets, raw: Any) -> Submission:
    try:
        item = BatchItem.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise InvalidMessageError(f"A job of a batch has an object as its body: {first['msg']}.", field=field) from None
    try:
        body = to_json(item.body).encode()
    except UnicodeEncodeError:
        raise InvalidMessageError("The body holds half of a surrogate pair.", field="body") from None
    envelope = replace(
        default,
        job_id=item.id or (_derived(call, kind, key) if key else uuid.uuid4().hex),
        app_id=app_of(call, item.app_id or default.app_id),
        priority=item.priority if "priority" in item.model_fields_set else default.priority,
        run_id=item.run_id or default.run_id,
        correlation_id=item.correlation_id or default.correlation_id,
        webhook=_webhook(item.webhook, targets) or default.webhook,
    )
    return Submission(envelope, body)


def _read_list(body: bytes) -> list[Any]:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        found = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise InvalidMessageError("The body is not JSON.")
    return found


def app_of(call: Call, app_id: str | None, field: str = "app_id") -> str | None:
    """The app that a job is counted for: that of the caller, where they have only one.

    Raises:
        ForbiddenError: it is another's.
    """
    apps = call.who.apps
    if app_id is None and apps is not None and len(apps) == 1:
        return next(iter(apps))
    if not call.who.sees(app_id):
        raise ForbiddenError("You may submit jobs for your own apps only; name one of them.", field=field)
    return app_id


def _webhook(url: str | None, targets: AllowedTargets) -> str | None:
    return None if url is None else targets.check(url)


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """As draft-ietf-httpapi-idempotency-key-header has it; the quotes may be left out.

    Raises:
        InvalidMessageError
    """
    given = headers.get("idempotency-key")
    if given is None:
        return None
    key = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not 0 < len(key) <= 256 or not key.isprintable():
        raise InvalidMessageError("An Idempotency-Key has 1 to 256 printable characters.", field="Idempotency-Key")
    return key


def _derived(call: Call, kind: str, key: str) -> str:
    """A job id that is the same for every try of one caller."""
    text = "\0".join([call.who.id, kind, key])
    return f"idem-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
