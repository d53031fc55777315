"""What is different about reasoning models: the parameters that they take, and tokens that nobody sees.

Source: Microsoft, "Azure OpenAI reasoning models": they take `max_completion_tokens` for `max_tokens`, and
`reasoning_effort`; no sampling parameters. What they think is billed as output and counts towards
`max_completion_tokens`, but isn't part of the answer.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

type ReasoningEffort = Literal["low", "medium", "high"]

# gpt-5-chat doesn't reason.
_REASONING_MODEL = re.compile(r"o\d(?:-|$)|gpt-5(?!\S*chat)")
# The first two take no `reasoning_effort`.
_FIXED_EFFORT = re.compile(r"o1-(?:mini|preview)")
_SAMPLING = {"temperature", "top_p", "frequency_penalty", "presence_penalty"}

HIDDEN_TOKENS: Mapping[ReasoningEffort, int] = {"low": 2_000, "medium": 8_000, "high": 25_000}
"""Room for what a reasoning model thinks before it answers, in tokens.

OpenAI's guide advises to reserve 25,000 at first, for prompts of any difficulty; lower efforts need less. What is
reserved is charged to the quota when the call arrives, used or not; a call that needs more ends with "length".
"""


def is_reasoning_model(base_model: str) -> bool:
    """Whether a base model (such as "o3-mini") is one of these."""
    return _REASONING_MODEL.match(base_model) is not None


def hidden_tokens(base_model: str, effort: ReasoningEffort) -> int:
    """What to add to `max_tokens` so that there is room for the answer; 0 for models that don't reason."""
    return HIDDEN_TOKENS[effort] if is_reasoning_model(base_model) else 0


def parameters_for(base_model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call as the model takes them: others are renamed or left out."""
    if not is_reasoning_model(base_model):
        return {name: value for name, value in body.items() if name != "reasoning_effort"}
    refused = _SAMPLING | ({"reasoning_effort"} if _FIXED_EFFORT.match(base_model) else set())
    renamed = {"max_completion_tokens" if name == "max_tokens" else name: value for name, value in body.items()}
    return {name: value for name, value in renamed.items() if name not in refused}
