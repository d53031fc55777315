"""Counts tokens as the endpoint does, before a call is made."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.model.client import ChatMessage
from shared.model.encodings import encoding_name, load_encoding

DEFAULT_MODEL = "gpt-4o"
# A call without `max_tokens` could produce any number of tokens, so that no quota could be set aside for it.
DEFAULT_MAX_TOKENS = 1024

# Above 1,000,000 white space characters in a row tiktoken's regular expressions give up with an exception that isn't
# even an Exception (openai/tiktoken#15, #400), so text is counted in slices.
_SLICE_CHARS = 100_000

# openai-cookbook, "How to count tokens with tiktoken": each message is wrapped in 3 tokens, and the reply is primed
# with <|start|>assistant<|message|>.
_TOKENS_PER_MESSAGE = 3
_TOKENS_OF_PRIMING = 3


def count_tokens(text: str, model: str = DEFAULT_MODEL) -> int:
    """Tokens of a text for a model, exact up to 100,000 characters.

    Each further 100,000 characters may add a token or two, where a slice cuts through a word. Text that looks like a
    special token ("<|endoftext|>") counts as the plain text it is. Takes 0.1 s or less for a million characters.

    Args:
        model: a base model; of unknown ones see `encoding_name`.
    """
    encoding = load_encoding(encoding_name(model))
    slices = (text[start : start + _SLICE_CHARS] for start in range(0, len(text), _SLICE_CHARS))
    return sum(len(encoding.encode_ordinary(piece)) for piece in slices)


def count_message_tokens(messages: Sequence[ChatMessage], model: str = DEFAULT_MODEL) -> int:
    """Tokens of a conversation as a prompt, with what the chat format adds (formula of the OpenAI cookbook)."""
    return _TOKENS_OF_PRIMING + sum(
        _TOKENS_PER_MESSAGE + count_tokens(message["role"], model) + count_tokens(message["content"], model)
        for message in messages
    )


def estimate_request_tokens(
    messages: Sequence[ChatMessage],
    max_tokens: int | None = None,
    model: str = DEFAULT_MODEL,
    response_format: Mapping[str, Any] | None = None,
) -> int:
    """What the endpoint charges to the quota when it receives this call: prompt and `max_tokens`.

    Source: Microsoft, "Manage Azure OpenAI quota". How it counts isn't published, so this stays an estimate.

    Args:
        max_tokens: None stands for DEFAULT_MAX_TOKENS, as for the call itself.
    """
    prompt = count_message_tokens(messages, model) + _count_format_tokens(response_format, model)
    return prompt + (DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens)


def _count_format_tokens(response_format: Mapping[str, Any] | None, model: str) -> int:
    """Tokens of a JSON schema, which becomes part of the prompt.

    How is published for gpt-oss only (OpenAI, "harmony response format", section on structured output); other models
    are taken to be alike.
    """
    if response_format is None or response_format.get("type") != "json_schema":
        return 0
    given = response_format["json_schema"]
    description = f"// {given['description']}\n\n" if given.get("description") else ""
    schema = json.dumps(given.get("schema", {}), ensure_ascii=False, separators=(",", ":"))
    return count_tokens(f"# Response Formats\n\n## {given['name']}\n\n{description}{schema}", model)
