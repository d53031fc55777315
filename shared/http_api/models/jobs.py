"""Problems, jobs, failures."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from shared.http_api.models.base import Answer
from shared.messages import Failure, Priority, TokenUsage

type State = Literal["pending", "paused", "running", "succeeded", "failed", "cancelled"]


class BatchProblem(Answer):
    """What is wrong with one job of a batch."""

    index: int
    code: str
    detail: str
    field: str | None = None


class Problem(Answer):
    """An error (RFC 9457). `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    trace_id: str = Field(description="Of the trace that the request is part of.")
    correlation_id: str = Field(description="As in the header X-Correlation-Id.")
    job_id: str | None = None
    field: str | None = Field(default=None, description="What of the request is at fault.")
    errors: list[BatchProblem] | None = None


class JobLinks(Answer):
    self: str
    result: str


class Job(Answer):
    """A job, without its contents."""

    id: str
    kind: str
    status: State
    priority: Priority
    attempt: int
    replay: int = Field(description="How often it was run again after it had failed.")
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None = None
    app_id: str | None = None
    run_id: str | None = None
    correlation_id: str | None = None
    usage: TokenUsage
    error: Failure | None = None
    links: JobLinks


class AcceptedBatch(Answer):
    """The jobs of a batch, in its order."""

    jobs: list[Job]


class JobPage(Answer):
    """Some jobs, newest first. A page may be short, or empty, and not be the last."""

    jobs: list[Job]
    next: str | None = Field(description="The parameter cursor of the next page; null at the end.")
    limit: int


class ErrorLinks(Answer):
    self: str
    retry: str


class FailedJob(Answer):
    """A failed job and why."""

    id: str
    kind: str
    code: str | None = None
    message: str | None = None
    failed_at: datetime
    app_id: str | None = None
    run_id: str | None = None
    attempt: int
    replay: int
    links: ErrorLinks


class ErrorPage(Answer):
    """Some failed jobs, newest failure first."""

    errors: list[FailedJob]
    next: str | None
    limit: int


class RefusedReplay(Answer):
    id: str
    code: str
    detail: str


class Replayed(Answer):
    """Which jobs run again, and which don't."""

    replayed: list[str]
    refused: list[RefusedReplay]
    more: bool = Field(description="Whether there are others that were asked for: ask again.")


class RunningJob(BaseModel):
    """How far a job of several calls is."""

    job_id: str
    since: datetime
    step: int | None = None
    of: int | None = None
    percent: int | None = None
    doing: str | None = None


class Progress(Answer):
    jobs: list[RunningJob]
