"""Request bodies of chat completions and embeddings: parsed, checked, refused as Azure OpenAI refuses them."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.model.azure_errors import ApiError, bad_request
from local.model.strict_schema import check_response_schema

MOST_EMBEDDING_INPUTS = 2048
# Other roles may leave their content out, beside tool calls.
_SPEAKING_ROLES = {"system", "developer", "user"}
_UNPARSABLE = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ContentPart(BaseModel):
    """A part of a message; the engines read those of type "text"."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str
    text: str | None = None


class Message(BaseModel):
    """One message. What tools need is accepted and forwarded, but the demonstration engine calls no tools."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None


class JsonSchemaFormat(_Body):
    """The schema of a structured answer."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")
    strict: bool | None = None


class TextFormat(_Body):
    type: Literal["text", "json_object"]


class StructuredFormat(_Body):
    type: Literal["json_schema"]
    json_schema: JsonSchemaFormat


class ChatRequest(_Body):
    """Body of /chat/completions. Unknown arguments are refused, as Azure does."""

    messages: list[Message] = Field(min_length=1)
    model: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int | None = Field(default=None, ge=1, le=128)
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    response_format: Annotated[TextFormat | StructuredFormat, Field(discriminator="type")] | None = None
    stream: bool | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = None
    user: str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    logit_bias: dict[str, float] | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    reasoning_effort: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


class EmbeddingRequest(_Body):
    """Body of /embeddings."""

    input: str | list[str] | list[int] | list[list[int]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a request body.

    Raises:
        ApiError: 400, it isn't one.
    """
    try:
        data = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        # Half a surrogate pair is legal in JSON, but is no text.
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise bad_request(_UNPARSABLE) from None
    if not isinstance(data, dict):
        raise bad_request(f"Invalid type for request body: expected an object, but got {type(data).__name__} instead.")
    return data


def parse_chat(body: bytes) -> ChatRequest:
    """Raises:
    ApiError: 400 in Azure's words.
    """
    request = _validated(ChatRequest, parse_object(body))
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        raise bad_request(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        )
    for index, message in enumerate(request.messages):
        if message.content is None and message.role in _SPEAKING_ROLES:
            raise bad_request(
                "Invalid value for 'content': expected a string, got null.",
                f"messages[{index}].content",
                "invalid_type",
            )
    if request.stream:
        raise bad_request("This local server does not stream: leave 'stream' out.", "stream", "unsupported_value")
    _check_format(request)
    return request


def parse_embeddings(body: bytes) -> EmbeddingRequest:
    """Raises:
    ApiError: 400 in Azure's words.
    """
    request = _validated(EmbeddingRequest, parse_object(body))
    inputs: Any = request.input
    several = isinstance(inputs, list) and not all(isinstance(token, int) for token in inputs)
    if not inputs or (several and not all(inputs)):
        raise bad_request("'$.input' is invalid. Please check the API reference.")
    if several and len(inputs) > MOST_EMBEDDING_INPUTS:
        raise bad_request(
            f"Invalid 'input': array too long. Expected an array with maximum length {MOST_EMBEDDING_INPUTS}, but got "
            f"an array with length {len(inputs)} instead.",
            "input",
            "array_above_max_length",
        )
    return request


def _check_format(request: ChatRequest) -> None:
    chosen = request.response_format
    if isinstance(chosen, StructuredFormat):
        asked = chosen.json_schema
        check_response_schema(asked.schema_, asked.name, strict=bool(asked.strict))
    if chosen is None or chosen.type != "json_object":
        return
    if not any("json" in _text(message).lower() for message in request.messages):
        raise bad_request(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        )


def _text(message: Message) -> str:
    if isinstance(message.content, list):
        return " ".join(part.text or "" for part in message.content)
    return message.content or ""


def _validated[T: _Body](model: type[T], data: dict[str, Any]) -> T:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = parameter_path(first["loc"])
    match first["type"]:
        case "missing":
            return bad_request(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
        case "extra_forbidden":
            return bad_request(f"Unrecognized request argument supplied: {param}")
        case kind if kind.endswith("_type"):
            return bad_request(f"Invalid type for '{param}': {first['msg']}.", param, "invalid_type")
    return bad_request(f"Invalid value for '{param}': {first['msg']}.", param, "invalid_value")


def parameter_path(location: tuple[int | str, ...]) -> str:
    """A pydantic error location in the API's notation: messages[0].content. Branches of unions are left out."""
    path, previous = "", ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
            continue
        is_branch = part == "str" or not part.isidentifier() or part == previous
        is_branch |= previous == "response_format" and part in {"text", "json_object"}
        if not is_branch or not path:
            path += f".{part}" if path else part
        previous = part
    return path


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
