"""Every endpoint of the API: its route, who may use it, what it takes and answers.

The triggers (functions/http_*.py) and the OpenAPI document are made of this. Models are given by name, as the host
indexes the app without loading pydantic.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of the query or a header.

    Attributes:
        schema: of its value, as JSON schema.
    """

    name: str
    description: str
    schema: dict[str, object] = field(default_factory=lambda: {"type": "string"})
    where: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    Attributes:
        name: of the function, and of the operation.
        permission: that the caller needs; None: nobody is asked.
        change: whether it changes anything: then it is written into the audit log.
        media: type of the body; None where there is none, "" where it is not looked at.
        body: name of the body's model.
        answers: status to name of the model, or to a description where there is no model.
        durable: whether it needs the client of durable functions.
        path: descriptions of the route's parameters, where the name says too little.
    """

    name: str
    method: str
    route: str
    permission: str | None
    summary: str
    tag: str
    answers: dict[int, str]
    change: bool = False
    media: str | None = None
    body: str | None = None
    parameters: tuple[Parameter, ...] = ()
    durable: bool = False


def _tokens(operation: str, method: str, permission: str, summary: str, body: str | None, answer: str) -> Endpoint:
    return Endpoint(
        name=f"tokens_{operation}",
        method=method,
        route=f"tokens/{{deployment}}/{operation}",
        permission=permission,
        summary=summary,
        tag="tokens",
        answers={200: answer, 400: "Problem", 404: "Problem", 409: "Problem", 413: "Problem"},
        change=method != "GET",
        media=None if body is None else "",
        body=body,
        durable=True,
    )


TOKENS_LOCK = _tokens("lock", "POST", "tokens:lock", "Lock tokens for one call", "LockRequest", "LockAnswer")
TOKENS_REPORT = _tokens("report", "POST", "tokens:lock", "Say what a locked call used", "ReportRequest", "ReportAnswer")
TOKENS_RELEASE = _tokens(
    "release", "POST", "tokens:lock", "Give back tokens of a call that wasn't made", "ReleaseRequest", "ReleaseAnswer"
)
TOKENS_LIMITS = _tokens(
    "limits", "PUT", "limits:change", "Change limits while the app runs", "LimitsRequest", "LimitsAnswer"
)
TOKENS_STATUS = _tokens(
    "status", "GET", "tokens:read", "Limits, what is used and booked, and what waits", None, "TokenStatus"
)

PROGRESS = Endpoint(
    name="progress",
    method="GET",
    route="progress/{kind}",
    permission="jobs:read",
    summary="The jobs of a kind that run now, at most 100, longest running first",
    tag="jobs",
    answers={200: "Progress"},
    durable=True,
)

CORS_PREFLIGHT = Endpoint(
    name="cors_preflight",
    method="OPTIONS",
    route="{*path}",
    permission=None,
    summary="What a browser asks before a page of another site may call",
    tag="cors",
    answers={204: "Allowed where the headers say so"},
)
