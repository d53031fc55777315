"""What a model takes of the chat API: its context, its longest answer, and its parameters, with Azure's refusals.

Sources: Microsoft, "Azure OpenAI in Foundry Models" (context and output of each model) and "Azure OpenAI reasoning
models" (parameters that these don't take). The texts are the service's own.
"""

import re
from typing import NamedTuple

from local.model.azure_errors import bad_request
from local.model.requests import ChatRequest
from shared.model.reasoning_models import is_reasoning_model

# (pattern of the model's name, context, longest output), in tokens; the first that matches counts.
_SIZES = (
    (r"gpt-5(?!\S*chat)", 400_000, 128_000),
    (r"gpt-5", 128_000, 16_384),
    (r"gpt-4\.1", 1_047_576, 32_768),
    (r"o1-mini", 128_000, 65_536),
    (r"o1-preview", 128_000, 32_768),
    (r"o\d(?:-|$)", 200_000, 100_000),
    (r"", 128_000, 16_384),
)
# These say what value they would take; the others that they don't know the parameter.
_ONLY_DEFAULT_TEMPERATURE = re.compile(r"gpt-5|o3(?!-mini)|o4")
_REFUSED = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")
_EFFORTS = ("low", "medium", "high")


class Sizes(NamedTuple):
    """In tokens."""

    context: int
    output: int


def sizes_of(model: str) -> Sizes:
    """Of a base model; unknown ones count as gpt-4o."""
    return next(Sizes(context, output) for pattern, context, output in _SIZES if re.match(pattern, model))


def check_request(request: ChatRequest, model: str, prompt_tokens: int) -> None:
    """Refuse what this model doesn't take.

    Raises:
        ApiError: 400
    """
    if is_reasoning_model(model):
        _check_reasoning_model(request, model)
    elif request.reasoning_effort is not None:
        raise bad_request("Unrecognized request argument supplied: reasoning_effort")
    sizes = sizes_of(model)
    limit = request.token_limit or 0
    if limit > sizes.output:
        name = "max_tokens" if request.max_tokens is not None else "max_completion_tokens"
        raise bad_request(
            f"{name} is too large: {limit}. This model supports at most {sizes.output} completion tokens, whereas you "
            f"provided {limit}.",
            name,
            "invalid_value",
        )
    if prompt_tokens + limit > sizes.context:
        raise bad_request(
            f"This model's maximum context length is {sizes.context} tokens. However, you requested "
            f"{prompt_tokens + limit} tokens ({prompt_tokens} in the messages, {limit} in the completion). Please "
            "reduce the length of the messages or completion.",
            "messages",
            "context_length_exceeded",
        )


def _check_reasoning_model(request: ChatRequest, model: str) -> None:
    if request.max_tokens is not None:
        raise bad_request(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
            "instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    for name in _REFUSED:
        value = getattr(request, name)
        if value is None:
            continue
        if name == "temperature" and _ONLY_DEFAULT_TEMPERATURE.match(model):
            if value != 1:
                raise bad_request(
                    f"Unsupported value: 'temperature' does not support {value} with this model. Only the default (1) "
                    "value is supported.",
                    name,
                    "unsupported_value",
                )
            continue
        raise bad_request(
            f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter"
        )
    effort = request.reasoning_effort
    if effort is None:
        return
    if re.match("o1-(?:mini|preview)", model):
        raise bad_request("Unrecognized request argument supplied: reasoning_effort")
    known = (*_EFFORTS, "minimal", "none") if model.startswith("gpt-5") else _EFFORTS
    if effort not in known:
        supported = ", ".join(f"'{one}'" for one in _EFFORTS[:-1])
        raise bad_request(
            f"Unsupported value: '{effort}' is not supported with this model. Supported values are: {supported}, and "
            f"'{_EFFORTS[-1]}'.",
            "reasoning_effort",
            "unsupported_value",
        )
