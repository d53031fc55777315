"""The form of reasoning jobs."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from shared.errors import InvalidMessageError
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.messages import decode_body
from shared.model.caller_schema import check_caller_schema
from shared.model.reasoning_models import ReasoningEffort

_LONGEST_REFERENCE = 2_048


class ReasoningInput(BaseModel):
    """One thing to reason about: a text, or a blob of the app's own storage account that holds UTF-8 text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")] = ""
    text: str | None = None
    blob: Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_REFERENCE)] | None = None
    blob_url: Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_REFERENCE)] | None = None

    @property
    def reference(self) -> str | None:
        """Of the blob, where it isn't a text."""
        return self.blob or self.blob_url

    @model_validator(mode="after")
    def _one_source(self) -> "ReasoningInput":
        if sum(value is not None for value in (self.text, self.blob, self.blob_url)) != 1:
            raise ValueError("give exactly one of text, blob and blob_url")
        return self


class ReasoningRequest(BaseModel):
    """A task, and what it is about. What has no field of its own belongs in `metadata`.

    Attributes:
        inputs: each with an id; those that came without are numbered from 1.
        response_schema: what the answer is to look like; None means text.
        max_tokens: longest output of a call that solves the task; what a reasoning model thinks isn't counted.
        samples: how often the task is solved; the answers vote.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reasoning_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    task: str
    inputs: tuple[ReasoningInput, ...] = ()
    instructions: str | None = None
    response_schema: dict[str, JsonValue] | None = None
    effort: ReasoningEffort = "medium"
    max_tokens: int | None = Field(default=None, ge=64, le=100_000)
    samples: int = Field(default=1, ge=1)
    metadata: dict[str, JsonValue] | None = None

    @classmethod
    def decode(cls, body: bytes, limits: ReasoningLimits) -> "ReasoningRequest":
        """Read a body.

        Raises:
            InvalidMessageError: says what is wrong, and in which field.
        """
        request = decode_body(cls, body)
        _check_text("task", request.task, limits.task_chars)
        if request.instructions is not None:
            _check_text("instructions", request.instructions, limits.task_chars)
        if request.samples > limits.samples:
            _reject("samples", f"is {request.samples}; {limits.samples} are allowed")
        if request.response_schema is not None:
            check_caller_schema(request.response_schema, "response_schema")
        return request.model_copy(update={"inputs": _numbered(request.inputs, limits)})


def _numbered(inputs: tuple[ReasoningInput, ...], limits: ReasoningLimits) -> tuple[ReasoningInput, ...]:
    if len(inputs) > limits.inputs:
        _reject("inputs", f"has {len(inputs)} elements; {limits.inputs} are allowed")
    ids: dict[str, ReasoningInput] = {}
    for number, one in enumerate(inputs, 1):
        name = one.id or str(number)
        if name in ids:
            _reject(f"inputs.{number - 1}.id", f"names {name}, which is the id of another input")
        if one.text is not None and not one.text.strip():
            _reject(f"inputs.{number - 1}.text", "is empty")
        ids[name] = one.model_copy(update={"id": name})
    check_input_chars(sum(len(one.text or "") for one in inputs), limits)
    return tuple(ids.values())


def check_input_chars(chars: int, limits: ReasoningLimits) -> None:
    """Refuse more than is allowed for all inputs of a job together.

    Raises:
        InvalidMessageError
    """
    if chars > limits.input_chars:
        _reject(
            "inputs", f"has {chars} characters in all; {limits.input_chars} are allowed (REASONING_MAX_INPUT_CHARS)"
        )


def _check_text(field: str, text: str, limit: int) -> None:
    if not text.strip():
        _reject(field, "is empty")
    if len(text) > limit:
        _reject(field, f"has {len(text)} characters; {limit} are allowed")


def _reject(field: str, reason: str) -> None:
    raise InvalidMessageError(f"The field {field} {reason}.", field=field)
