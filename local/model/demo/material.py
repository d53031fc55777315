"""A conversation with a task: what is asked, and the labelled texts between fences that it is asked about.

Prompts that say `Task:` or `Question:` are read so, and those with several fenced texts. The line before a fence is its
label: "Input r1:" or "Document r1, page 2:" names a source r1; a label that speaks of an answer, a draft or a candidate
marks a text to judge, one that speaks of problems or notes a text that isn't quoted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from local.model.demo.texts import FENCE_END, FENCE_START, content_text

_FENCED = re.compile(
    rf"^(?P<label>[^\n]*)\n+{re.escape(FENCE_START)}[ \t]*\n(?P<text>.*?)\n?[ \t]*{re.escape(FENCE_END)}",
    re.DOTALL | re.MULTILINE,
)
_ASKED = re.compile(r"^(?:task|question)s?:[ \t]*\n?(?P<asked>.+?)(?=\n[^\n]*:[ \t]*\n|\Z)", re.I | re.M | re.S)
_SOURCE = re.compile(r"^(?:input|document|source|text|file)\s+(?P<name>[\w.:-]*\w)", re.I)
_JUDGED = re.compile(r"\b(?:answer|draft|candidate|proposal)\b", re.I)
_ASIDE = re.compile(r"\b(?:problems?|plan)\b", re.I)


@dataclass(frozen=True, slots=True)
class Source:
    """Attributes: name: as its label has it; "" where the text isn't one to quote from."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Material:
    """Attributes:

    asked: the task or question.
    sources: what it is about.
    judged: an answer that somebody gave; None where there is none.
    """

    asked: str
    sources: Sequence[Source]
    judged: str | None = None

    @classmethod
    def of(cls, messages: Sequence[Mapping[str, Any]]) -> Self | None:
        """What the last user message holds; None where it is no task of this kind."""
        users = [content_text(message.get("content")) for message in messages if message["role"] == "user"]
        prompt = next((text for text in reversed(users) if FENCE_START in text), users[-1] if users else "")
        blocks = list(_FENCED.finditer(prompt))
        asked = _ASKED.search(_FENCED.sub("", prompt))
        if asked is None and len(blocks) < 2:
            return None
        outside = asked["asked"] if asked else _FENCED.sub("", prompt)
        sources, judged = [], None
        for block in blocks:
            if _JUDGED.search(block["label"]):
                judged = block["text"]
            elif not _ASIDE.search(block["label"]):
                named = _SOURCE.match(block["label"])
                sources.append(Source(named["name"] if named else "", block["text"]))
        return cls(outside.strip(), sources, judged)
