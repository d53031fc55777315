"""Runs and their rows."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.http_api.models.base import Answer
from shared.messages import Failure, Priority, TokenUsage

type RunStates = Literal["running", "paused", "cancelled", "ended", "failed"]


class RunLinks(Answer):
    self: str
    results: str
    csv: str
    jsonl: str


class Run(Answer):
    """A run: a file of rows, put through as jobs."""

    run: str
    kind: str
    state: RunStates
    wish: RunStates = Field(description="What it is to be; it takes a moment.")
    source: str
    mapping: dict[str, str] = Field(description="Field to column.")
    error: str | None = Field(description="Why the file couldn't be read to its end: the state is failed then.")
    app_id: str | None
    priority: Priority
    created_at: datetime
    updated_at: datetime | None
    ended_at: datetime | None
    read_to_end: bool = Field(description="Whether the file was read to its end.")
    rows: int
    rejected: int = Field(description="Rows that are no jobs.")
    jobs: int
    ended: int
    waiting: int = Field(description="Rows that are to become jobs.")
    states: dict[str, int]
    reasons: dict[str, int] = Field(description="How many failed with which code.")
    jobs_a_second: float | None
    ends_in_s: float | None
    input_tokens: int
    output_tokens: int
    audio_s: float = Field(description="Seconds of recordings that were transcribed.")
    cost: float | None
    currency: str
    links: RunLinks


class RunSummary(Answer):
    """A run in the status."""

    run: str
    kind: str
    state: RunStates
    wish: RunStates
    app_id: str | None
    rows: int
    rejected: int
    jobs: int
    done: int = Field(description="Jobs that have ended, in whatever way.")
    failed: int
    percent: float | None = Field(description="Of the jobs, rounded down; null until the file has been read.")
    ends_at: datetime | None = Field(description="When it will have ended, at the speed of the last minutes.")
    cost: float | None
    currency: str


class RunPage(Answer):
    runs: list[Run]
    limit: int
    next: str | None


class RunRow(Answer):
    """A row of the file, and what became of it."""

    row: int
    line: int
    input: dict[str, Any]
    status: str
    job_id: str | None = None
    result: dict[str, Any] | None = None
    error: Failure | None = None
    usage: TokenUsage | None = None


class RunRows(Answer):
    rows: list[RunRow]
    next: str | None
