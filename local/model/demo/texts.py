"""Plain text work without a model: finding the user's text in a conversation, splitting it, cutting it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

FENCE_START = "<<<DATA"
FENCE_END = "DATA>>>"

_CJK_STOPS = "\u3002\uff01\uff1f"  # full stop, exclamation and question mark of Chinese and Japanese
# The end of a sentence: final punctuation and white space, a line break, or a stop that needs no space after it.
_SENTENCE_END = re.compile(rf"(?<=[.!?…])[\"'\u201d\u2019)\]]*\s+|\n|(?<=[{_CJK_STOPS}])")
# Where a sentence turns: "..., but ..." in the languages that the engine knows.
_TURN = re.compile(
    r"[,;:]\s+(?=(?:but|however|although|though|yet|aber|jedoch|leider|mais|cependant|pero|aunque|però|ma|mas|porém"
    r"|maar|echter|ale|jednak)\b)|(?<=が、)|(?<=けど、)",
    re.IGNORECASE,
)
_SHORTEST_CLAUSE = 8
_NUL_TO_SPACE = str.maketrans({"\x00": " "})


def content_text(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list; "" for anything else."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return ""


def user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the conversation is about.

    Returns:
        The text between the last `<<<DATA` and `DATA>>>` of the last user message that has them; without any, the
        whole last user message.
    """
    users = [content_text(message.get("content")) for message in messages if message["role"] == "user"]
    for text in reversed(users):
        fenced = _last_fenced(text)
        if fenced is not None:
            return fenced
    return users[-1] if users else ""


def _last_fenced(text: str) -> str | None:
    end = text.rfind(FENCE_END)
    start = text.rfind(FENCE_START, 0, end) if end >= 0 else -1
    if start < 0:
        return None
    return text[start + len(FENCE_START) : end].strip()


def sentences(text: str) -> list[str]:
    """The sentences of a text, without surrounding white space and without what holds no letter or digit."""
    parts = _SENTENCE_END.split(text.translate(_NUL_TO_SPACE))
    return [part.strip() for part in parts if any(c.isalnum() for c in part)]


def clauses(sentence: str) -> list[str]:
    """A sentence split where it turns ("fine, but late"): the two sides are judged apart."""
    parts = [part for part in _TURN.split(sentence) if part]
    return parts if all(len(part) >= _SHORTEST_CLAUSE for part in parts) else [sentence]


def spread_order(count: int) -> list[int]:
    """Indexes 0 to count - 1 in an order whose every beginning samples the whole: ends, middle, quarters, ..."""
    order = dict.fromkeys(i for i in (0, count - 1) if 0 <= i < count)
    step = float(count)
    while len(order) < count:
        step /= 2
        indexes = range(count) if step < 1 else (round(k * step) for k in range(1, int(count / step) + 1))
        order.update(dict.fromkeys(i for i in indexes if i < count))
    return list(order)


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words where it can be, with an ellipsis where something is cut."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut).rstrip(" ,;:") + "…"
