"""The token counter."""

from pydantic import BaseModel, ConfigDict, Field


class LockRequest(BaseModel):
    """Tokens for one call."""

    token_count: int = Field(ge=1)
    app_id: str | None = None
    id: str | None = Field(default=None, min_length=1, max_length=400, description="The same id is the same lock.")


class LockAnswer(BaseModel):
    """Whether the tokens are granted."""

    allowed: bool
    request_id: str | None
    error: str | None
    until_s: float | None = None
    now_s: float | None = None
    next_free_s: float | None = None
    retry_after_s: float | None = None


class ReportRequest(BaseModel):
    """What a locked call used."""

    request_id: str = Field(max_length=100)
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    app_id: str | None = None


class ReportAnswer(BaseModel):
    known: bool


class ReleaseRequest(BaseModel):
    """A lock that isn't needed."""

    request_id: str = Field(max_length=100)
    app_id: str | None = None


class ReleaseAnswer(BaseModel):
    released: bool


class LimitsRequest(BaseModel):
    """Limits to change; others stay."""

    model_config = ConfigDict(extra="forbid")

    tpm: float | None = None
    rpm: float | None = None
    request_window_s: float | None = None
    guard_s: float | None = None
    pace: float | None = None


class LimitsAnswer(BaseModel):
    limits: dict[str, float]


class TokenStatus(BaseModel):
    """What the token counter of a deployment says. Points in time are seconds since 1970 by its own clock."""

    now_s: float
    limits: dict[str, float]
    used_tokens: int
    booked_ahead_tokens: int
    open_locks: int
    next_free_s: float
    reset_s: float
    bias: float
    guard_s: float
    throttles: int
    usage: dict[str, int]
    frozen_until_s: float
    epoch: int
    pending: dict[str, int]
