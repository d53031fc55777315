"""Health and status."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.http_api.models.base import Answer
from shared.http_api.models.jobs import FailedJob
from shared.http_api.models.runs import RunSummary


class Live(Answer):
    status: Literal["pass"]


class HealthCheckResult(Answer):
    """One finding."""

    componentType: str  # noqa: N815 - the names of the draft
    status: Literal["pass", "warn", "fail"]
    observedValue: JsonValue = None  # noqa: N815
    observedUnit: str | None = None  # noqa: N815
    output: str | None = None
    time: datetime


class Health(Answer):
    """How everything is (draft-inadarei-api-health-check-06)."""

    status: Literal["pass", "warn", "fail"]
    serviceId: str  # noqa: N815
    version: str
    releaseId: str | None = None  # noqa: N815
    checks: dict[str, list[HealthCheckResult]]


class OpenState(Answer):
    count: int
    oldest_s: float | None = Field(description="How long ago the oldest was created.")


class FinalState(Answer):
    count: int


class KindStates(Answer):
    """How many jobs are in each state. Those that were deleted aren't counted."""

    pending: OpenState
    running: OpenState
    paused: OpenState
    succeeded: FinalState
    failed: FinalState
    cancelled: FinalState


class JobEvents(Answer):
    accepted: int
    succeeded: int
    failed: int
    cancelled: int


class JobMinute(JobEvents):
    at: datetime


class KindStatus(Answer):
    """The jobs of a kind."""

    states: KindStates
    last_hour: JobEvents
    minutes: list[JobMinute]


class NotKnown(Answer):
    """A part of the status that couldn't be had."""

    error: str


class QuotaMinute(Answer):
    at: datetime
    used: int
    booked: int
    free: int
    limit: int
    throttles: int


class DeploymentStatus(BaseModel):
    """The quota of a deployment: now, and minute by minute."""

    now_s: float
    limits: dict[str, float]
    used_tokens: int
    booked_ahead_tokens: int
    free_tokens: int
    throttles: int
    frozen_for_s: float
    waiting: dict[str, int] = Field(description="Calls that wait for a booking, by app.")
    minutes: list[QuotaMinute]


class LogInstance(Answer):
    instance: str
    arrived: int
    missing: int
    last_seen: datetime | None


class LogStatus(Answer):
    missing: int
    instances: list[LogInstance]


class ProviderStatus(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    deployment: str
    kinds: list[str] = Field(alias="for")
    endpoint: str
    model: str


class Status(Answer):
    """How the whole system is."""

    app_id: str
    version: str
    release: str | None
    at: datetime
    kinds: dict[str, KindStatus | NotKnown]
    deployments: dict[str, DeploymentStatus | NotKnown]
    runs: list[RunSummary] | NotKnown = Field(description="Those with work first, then those heard of last.")
    failures: list[FailedJob] | NotKnown
    dead_letters: dict[str, dict[str, int | None]] | NotKnown
    logs: LogStatus | NotKnown | None
    providers: list[ProviderStatus]


class ReplayForm(BaseModel):
    """What a button of the status page sends."""

    kind: str
    id: str
    token: str
