"""Every endpoint of the API: its route, who may use it, what it takes and answers.

The triggers (functions/http_*.py) and the OpenAPI document are made of this. Models are given by name, as the host
indexes the app without loading pydantic.
"""

from shared.http_api.endpoint import Endpoint, Parameter, printable

_KIND = Parameter(
    "kind", "Kind of job. Without it all kinds are looked through.", {"enum": ["feedback", "reasoning", "audio"]}
)
_APP = Parameter("app", "The app that the jobs are counted for (app_id).", printable(128))
_CURSOR = Parameter(
    "cursor", "Where the page before ended: its `next`.", {"type": "string", "pattern": "^[A-Za-z0-9_-]{19,}$"}
)
_WHOSE = "The caller sees jobs of their own apps alone, where they are restricted to some."


def _limit(default: int, most: int) -> Parameter:
    return Parameter(
        "limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    )


JOBS_SUBMIT = Endpoint(
    name="jobs_submit",
    method="POST",
    route="jobs/{kind}",
    permission="jobs:submit",
    summary="Submit one job, or a batch of up to 100",
    tag="jobs",
    answers={202: "Accepted", 400: "Problem", 404: "Problem", 409: "Problem", 413: "Problem", 415: "Problem"},
    change=True,
    media="application/json",
    body="Submission",
    parameters=(
        Parameter(
            "Idempotency-Key",
            "The same key and body make the same job, however often they are sent.",
            printable(256),
            where="header",
        ),
        Parameter(
            "id",
            "Job id, in place of one that is made. Sending it again adds nothing.",
            {"type": "string", "pattern": "^[A-Za-z0-9._~:@-]{1,128}$"},
        ),
        _APP,
        Parameter("priority", "Turn among the app's own jobs.", {"enum": ["high", "normal", "low"]}),
        Parameter("run", "Name that several jobs have in common.", printable(128)),
        Parameter("webhook", "Address that is told the outcome: https, of a host that is allowed."),
    ),
    durable=True,
)
JOBS_LIST = Endpoint(
    name="jobs_list",
    method="GET",
    route="jobs",
    permission="jobs:read",
    summary=f"Jobs, newest first. {_WHOSE}",
    tag="jobs",
    answers={200: "JobPage", 400: "Problem"},
    parameters=(
        _KIND,
        Parameter("status", "State.", {"enum": ["pending", "paused", "running", "succeeded", "failed", "cancelled"]}),
        _APP,
        Parameter("since", "Created at this time or later.", {"type": "string", "format": "date-time"}),
        _limit(50, 100),
        _CURSOR,
    ),
)
JOBS_GET = Endpoint(
    name="jobs_get",
    method="GET",
    route="jobs/{id}",
    permission="jobs:read",
    summary="One job",
    tag="jobs",
    answers={200: "Job", 304: "It is still as If-None-Match says", 400: "Problem", 404: "Problem", 409: "Problem"},
    parameters=(
        _KIND,
        Parameter(
            "wait",
            "Wait up to so many seconds until it has ended, or is another than If-None-Match says.",
            {"type": "integer", "minimum": 0, "maximum": 30},
        ),
        Parameter("If-None-Match", "An ETag that the caller has.", where="header"),
    ),
)
JOBS_RESULT = Endpoint(
    name="jobs_result",
    method="GET",
    route="jobs/{id}/result",
    permission="jobs:read",
    summary="How a job ended: its result, or why it has none",
    tag="jobs",
    answers={200: "Outcome", 304: "It is still as If-None-Match says", 400: "Problem", 404: "Problem", 409: "Problem"},
    parameters=(_KIND, Parameter("If-None-Match", "An ETag that the caller has.", where="header")),
)
JOBS_RETRY = Endpoint(
    name="jobs_retry",
    method="POST",
    route="jobs/{id}/retry",
    permission="jobs:retry",
    summary="Run a failed job again, with the body of the request where it has one",
    tag="jobs",
    answers={202: "Job", 400: "Problem", 404: "Problem", 409: "Problem", 413: "Problem", 415: "Problem"},
    change=True,
    media="application/json",
    body="JobBody",
    parameters=(_KIND,),
    durable=True,
)
JOBS_CANCEL = Endpoint(
    name="jobs_cancel",
    method="DELETE",
    route="jobs/{id}",
    permission="jobs:cancel",
    summary="Cancel a job that waits, or one of several calls while it runs",
    tag="jobs",
    answers={200: "Job", 400: "Problem", 404: "Problem", 409: "Problem"},
    change=True,
    parameters=(_KIND,),
    durable=True,
)
ERRORS_LIST = Endpoint(
    name="errors_list",
    method="GET",
    route="errors",
    permission="jobs:read",
    summary=f"Failed jobs with their reasons, newest failure first. {_WHOSE}",
    tag="errors",
    answers={200: "ErrorPage", 400: "Problem"},
    parameters=(_KIND, Parameter("error", "Only this error code.", printable(64)), _APP, _limit(50, 100), _CURSOR),
)
ERRORS_REPLAY = Endpoint(
    name="errors_replay",
    method="POST",
    route="errors/replay",
    permission="jobs:retry",
    summary="Run failed jobs again: those that are named, or the newest 100 of a kind",
    tag="errors",
    answers={202: "Replayed", 400: "Problem", 404: "Problem", 413: "Problem", 415: "Problem"},
    change=True,
    media="application/json",
    body="Replay",
    durable=True,
)

PROGRESS = Endpoint(
    name="progress",
    method="GET",
    route="progress/{kind}",
    permission="jobs:read",
    summary="The jobs of a kind that run now, at most 100, longest running first",
    tag="jobs",
    answers={200: "Progress", 404: "Problem"},
    durable=True,
)


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

CORS_PREFLIGHT = Endpoint(
    name="cors_preflight",
    method="OPTIONS",
    route="{*path}",
    permission=None,
    summary="What a browser asks before a page of another site may call",
    tag="cors",
    answers={204: "Allowed where the headers say so"},
)

HEALTH_LIVE = Endpoint(
    name="health_live",
    method="GET",
    route="health/live",
    permission=None,
    summary="That the app is alive, and nothing else",
    tag="health",
    answers={200: "Live"},
)
HEALTH_READY = Endpoint(
    name="health_ready",
    method="GET",
    route="health/ready",
    permission="status:read",
    summary="How each thing is that the app needs",
    tag="health",
    answers={200: "Health", 503: "Health"},
    durable=True,
)

OPENAPI = Endpoint(
    name="openapi",
    method="GET",
    route="openapi.json",
    permission="api:read",
    summary="This API as an OpenAPI document",
    tag="api",
    answers={200: "OpenAPI"},
)
DOCS = Endpoint(
    name="docs",
    method="GET",
    route="docs",
    permission="api:read",
    summary="The same as a page to read, with the meaning of each error code",
    tag="api",
    answers={200: "HTML"},
)

STATUS = Endpoint(
    name="status",
    method="GET",
    route="status",
    permission="status:read",
    summary="How the whole system is: jobs, throughput, token budget, failures, dead letters, logs, providers",
    tag="status",
    answers={200: "Status"},
    durable=True,
)
METRICS = Endpoint(
    name="metrics",
    method="GET",
    route="metrics",
    permission="status:read",
    summary="For Prometheus: jobs by state, calls that wait, and the metrics of the process that answers",
    tag="status",
    answers={200: "Metrics"},
)
DASHBOARD = Endpoint(
    name="dashboard",
    method="GET",
    route="dashboard",
    permission="status:read",
    summary="The same as a page",
    tag="status",
    answers={200: "HTML"},
    durable=True,
)
DASHBOARD_REPLAY = Endpoint(
    name="dashboard_replay",
    method="POST",
    route="dashboard/replay",
    permission="jobs:retry",
    summary="What the buttons of the page do: run a failed job again",
    tag="status",
    answers={303: "Back to the page", 400: "Problem", 404: "Problem", 409: "Problem", 413: "Problem", 415: "Problem"},
    change=True,
    media="application/x-www-form-urlencoded",
    body="ReplayForm",
    durable=True,
)
