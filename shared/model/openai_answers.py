"""Reads the answers of the chat completions API."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ModelUnavailableError
from shared.model.client import Completion, Usage
from shared.model.response_headers import quota_headers, request_id

REFUSAL = "refusal"
"""The finish reason of a Completion where the model itself declined to answer."""

type _Count = Annotated[int, Field(ge=0)]


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str


class _Usage(BaseModel):
    prompt_tokens: _Count
    completion_tokens: _Count


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    model: str
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage


def parse_completion(content: bytes, headers: Mapping[str, str]) -> Completion:
    """Read the body and headers of a successful response.

    Raises:
        ModelUnavailableError: the body isn't a chat completion, such as a proxy's HTML page.
    """
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelUnavailableError(
            f"The endpoint's answer is not a chat completion: {where} is at fault ({first['type']})."
        ) from None
    choice = answer.choices[0]
    return Completion(
        text=choice.message.content or "",
        model=answer.model,
        finish_reason=REFUSAL if choice.message.refusal else choice.finish_reason,
        usage=Usage(answer.usage.prompt_tokens, answer.usage.completion_tokens),
        quota=quota_headers(headers),
        request_id=request_id(headers),
    )
