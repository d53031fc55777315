"""Faults that tests and demos inject: what can go wrong, and which call it happens to. Pure: chance is an argument.

A fault is one JSON object, posted to /control/faults:

    {"kind": "status", "status": 503, "count": 3}                      three calls answer 503
    {"kind": "status", "status": 429, "headers": {"retry-after": "-1", "retry-after-ms": null}}
    {"kind": "delay", "delay_ms": 2000, "count": null, "probability": 0.1}   every tenth call waits 2 s
    {"kind": "drop", "at": "before_reading" | "before_answering" | "mid_body"}
    {"kind": "invalid_json"}                                           200 with a body that isn't JSON
    {"kind": "invalid_content"}                                        the answer's text isn't JSON
    {"kind": "schema_violation"}                                       it is, but breaks the schema that was asked for
    {"kind": "content_filter", "on": "prompt" | "completion"}
    {"kind": "truncate"}                                               cut in half, finish_reason "length"
    {"kind": "answer", "text": "{\\"verdict\\": \\"wrong\\"}"}            this text is the answer
    {"kind": "retry_after", "retry_after": "86400", "retry_after_ms": null, "count": null}
                                       the headers of 429s that the limits cause; null leaves a header out

All kinds take `count` (how often; default 1, null without end), `probability` (0..1), `delay_ms` (wait before it
happens), `headers` (added to the answer; null removes one) and `match`: {"deployment": ..., "operation": "chat" |
"embeddings" | "transcription", "contains": "text in the request body"}.

Faults apply in the order in which they were injected: a call gets the first one that matches and that chance picks.
Two exceptions: dropping before reading comes first, as the body is unknown then; "retry_after" changes 429s beside
whatever else happens. Answers of the gateway (4xx but 408) are free; 408, 5xx and everything later is charged.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from local.model.azure_errors import Operation

LONGEST_DELAY_MS = 600_000
_ALL_OPERATIONS: tuple[Operation, ...] = ("chat", "embeddings", "transcription")


class Match(BaseModel):
    """Which calls; what isn't set matches all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deployment: str | None = None
    operation: Operation | None = None
    contains: str | None = Field(default=None, min_length=1)

    def fits(self, operation: Operation, deployment: str, body: str | None) -> bool:
        return (
            self.operation in (None, operation)
            and self.deployment in (None, deployment)
            and (self.contains is None or (body is not None and self.contains in body))
        )


class BaseFault(BaseModel):
    """What all kinds have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1.0, ge=0.0, le=1.0)
    delay_ms: float = Field(default=0.0, ge=0.0, le=LONGEST_DELAY_MS)
    headers: dict[str, str | None] = {}
    match: Match = Match()

    def concerns(self, operation: Operation) -> bool:
        """Whether it can happen to calls of this operation."""
        return operation in _ALL_OPERATIONS


class StatusFault(BaseFault):
    kind: Literal["status"]
    status: int = Field(ge=400, le=599)
    message: str | None = None

    @property
    def is_free(self) -> bool:
        """Whether the gateway answers, before anything is charged."""
        return self.status < 500 and self.status != 408


class DelayFault(BaseFault):
    kind: Literal["delay"]
    delay_ms: float = Field(gt=0.0, le=LONGEST_DELAY_MS)


class DropFault(BaseFault):
    kind: Literal["drop"]
    at: Literal["before_reading", "before_answering", "mid_body"]

    @model_validator(mode="after")
    def _body_is_unknown(self) -> "DropFault":
        if self.at == "before_reading" and self.match.contains is not None:
            raise ValueError("match.contains needs the body, which is unknown before it is read")
        return self


class OutputFault(BaseFault):
    kind: Literal["invalid_json", "invalid_content", "schema_violation", "truncate"]

    def concerns(self, operation: Operation) -> bool:
        return self.kind == "invalid_json" or operation == "chat"


class AnswerFault(BaseFault):
    kind: Literal["answer"]
    text: str

    def concerns(self, operation: Operation) -> bool:
        return operation == "chat"


class FilterFault(BaseFault):
    kind: Literal["content_filter"]
    on: Literal["prompt", "completion"]

    def concerns(self, operation: Operation) -> bool:
        return self.on == "prompt" or operation == "chat"


class RetryAfterFault(BaseFault):
    kind: Literal["retry_after"]
    retry_after: str | None
    retry_after_ms: str | None


Fault = Annotated[
    StatusFault | DelayFault | DropFault | OutputFault | AnswerFault | FilterFault | RetryAfterFault,
    Field(discriminator="kind"),
]
AnyFault = StatusFault | DelayFault | DropFault | OutputFault | AnswerFault | FilterFault | RetryAfterFault
FAULTS: TypeAdapter[list[AnyFault]] = TypeAdapter(list[Fault])


@dataclass(slots=True)
class _Injected:
    id: int
    fault: AnyFault
    fired: int = 0

    @property
    def left(self) -> int | None:
        return None if self.fault.count is None else self.fault.count - self.fired


class FaultBook:
    """The injected faults, in order."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._ids = count(1)
        self._faults: list[_Injected] = []

    def inject(self, faults: Sequence[AnyFault]) -> list[int]:
        """Add faults at the end; returns their ids."""
        added = [_Injected(next(self._ids), fault) for fault in faults]
        self._faults += added
        return [injected.id for injected in added]

    def clear(self) -> None:
        self._faults.clear()

    def remove(self, fault_id: int) -> bool:
        """Remove one; False where there is none of this id."""
        before = len(self._faults)
        self._faults = [injected for injected in self._faults if injected.id != fault_id]
        return len(self._faults) < before

    def listed(self) -> list[dict[str, Any]]:
        """All that are still to come, with how often they fired and how often they will."""
        return [
            {
                **injected.fault.model_dump(mode="json"),
                "id": injected.id,
                "fired": injected.fired,
                "left": injected.left,
            }
            for injected in self._faults
        ]

    def on_arrival(self, operation: Operation, deployment: str) -> DropFault | None:
        """The drop before reading that happens to this call, if any."""
        fault = self._take(_is_before_reading, operation, deployment, None)
        return fault if isinstance(fault, DropFault) else None

    def on_request(self, operation: Operation, deployment: str, body: str) -> AnyFault | None:
        """The fault that happens to this call, if any."""
        return self._take(_is_of_request, operation, deployment, body)

    def on_rejection(self, operation: Operation, deployment: str, body: str) -> RetryAfterFault | None:
        """What becomes of the retry headers of a 429, if anything."""
        fault = self._take(_is_retry_after, operation, deployment, body)
        return fault if isinstance(fault, RetryAfterFault) else None

    def _take(
        self, wanted: Callable[[AnyFault], bool], operation: Operation, deployment: str, body: str | None
    ) -> AnyFault | None:
        for injected in self._faults:
            fault = injected.fault
            fits = wanted(fault) and fault.concerns(operation) and fault.match.fits(operation, deployment, body)
            if not fits or self._rng.random() >= fault.probability:
                continue
            injected.fired += 1
            if injected.left == 0:
                self._faults.remove(injected)
            return fault
        return None


def _is_before_reading(fault: AnyFault) -> bool:
    return isinstance(fault, DropFault) and fault.at == "before_reading"


def _is_retry_after(fault: AnyFault) -> bool:
    return isinstance(fault, RetryAfterFault)


def _is_of_request(fault: AnyFault) -> bool:
    return not _is_before_reading(fault) and not _is_retry_after(fault)
