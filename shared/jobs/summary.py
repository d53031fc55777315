"""Sums up long texts: parts of them side by side, then the summaries of the parts, until there is one.

Steps are called `summary-1-0001` (level, part) and, the last, `summary`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.audio.words import joined, word_spans
from shared.errors import ConfigurationError
from shared.jobs.kinds import Draft
from shared.jobs.steps import Outputs, Step
from shared.jobs.summary_profile import SummaryProfile
from shared.messages import to_json
from shared.model.client import ChatMessage, ModelClient
from shared.model.prompts import fence, format_prompt
from shared.model.structured import parse_output, repair_messages, response_format_for
from shared.model.tokens import DEFAULT_MODEL, count_tokens, estimate_request_tokens

LAST_STEP = "summary"

_LIST = {"type": "array", "items": {"type": "string"}}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["summary", "key_points", "action_items", "topics", "language"],
    "properties": {
        "summary": {"type": "string"},
        "key_points": _LIST,
        "action_items": _LIST,
        "topics": _LIST,
        "language": {"type": "string", "description": "ISO 639-1 code"},
    },
}

_WHOLE = "The transcript:"
_PART = "Part {number} of {count} of a transcript:"
_SUMMARIES = "Summaries of the parts of one transcript, in their order:"


@dataclass(frozen=True, slots=True)
class Plan:
    """What comes next.

    Attributes:
        steps: to be done now; none means that all is done.
        done: how many are, of `total` that are known of.
    """

    steps: tuple[Step, ...]
    done: int
    total: int


class Summariser:
    """Plans and makes the calls.

    Args:
        deployment: of a chat model.
        base_model: that it serves.
        most_tokens: of one call, where the quota allows no more than that; makes parts smaller.

    Raises:
        ConfigurationError: that is too little.
    """

    def __init__(
        self, profile: SummaryProfile, deployment: str, base_model: str = DEFAULT_MODEL, most_tokens: int | None = None
    ) -> None:
        self._profile = profile
        self._deployment = deployment
        self._base_model = base_model
        self._response_format = response_format_for("summary", SCHEMA)
        self._part_tokens = profile.part_tokens
        if most_tokens is not None and most_tokens < self._part_tokens + self._bytes(self._messages(_SUMMARIES, "")):
            self._part_tokens = min(self._part_tokens, most_tokens - self._tokens(self._messages(_SUMMARIES, "")))
        if self._part_tokens < profile.least_part_tokens:
            raise ConfigurationError(
                f"Transcripts can't be summed up in calls of {most_tokens} tokens, the quota of the deployment "
                f"{deployment!r}: the summary profile wants parts of {profile.least_part_tokens} tokens at least. "
                "Lower its max_tokens, or raise the quota.",
                field="SUMMARY_PROFILE",
            )

    @property
    def max_tokens(self) -> int:
        """Longest answer of a call."""
        return self._profile.max_tokens

    def plan(self, texts: Sequence[str], needs: tuple[str, ...], outputs: Outputs) -> Plan:
        """Decide what comes next.

        Args:
            texts: what is to be summed up, in pieces that had better stay whole.
            needs: the steps that these come from.
        """
        parts = self._parts(texts)
        if len(parts) == 1:
            return self._last(outputs, self._messages(_WHOLE, parts[0]), needs, 0)
        names = [f"summary-1-{number:04}" for number in range(1, len(parts) + 1)]
        steps = [
            self._step(name, self._part(parts, number), needs, f"summing up part {number} of {len(parts)}")
            for number, name in enumerate(names, 1)
            if name not in outputs
        ]
        level, behind = 1, 0
        while not steps:
            behind += len(names)
            groups = list(_packed(names, [self._size(outputs[name]) for name in names], self._part_tokens))
            if len(groups) == 1:
                return self._last(outputs, self._of_summaries(names, outputs), tuple(names), behind)
            level += 1
            members = {f"summary-{level}-{number:04}": tuple(group) for number, group in enumerate(groups, 1)}
            names = list(members)
            steps = [
                self._step(name, self._of_summaries(group, outputs), group, "summing up summaries")
                for name, group in members.items()
                if name not in outputs
            ]
        return Plan(tuple(steps), behind + len(names) - len(steps), behind + len(names) + 1)

    async def run_step(
        self, step: Step, texts: Sequence[str], outputs: Outputs, *, model: ModelClient, draft: Draft | None = None
    ) -> dict[str, Any]:
        """Make the call of a step. See StepwiseKind.

        Args:
            texts: as for `plan`; not looked at where the step sums up summaries.
        """
        messages = self._messages_of(step, texts, outputs)
        if draft is not None:
            messages = repair_messages(messages, draft.output, draft.error)
        completion = await model.chat_completion(
            messages,
            self._deployment,
            max_tokens=self._profile.max_tokens,
            temperature=self._profile.temperature,
            response_format=self._response_format,
        )
        return {"output": parse_output(completion.text, SCHEMA, completion.finish_reason), "model": completion.model}

    def result(self, outputs: Outputs) -> dict[str, Any]:
        """What came of it."""
        return {**outputs[LAST_STEP]["output"], "profile_version": self._profile.version}

    def _messages_of(self, step: Step, texts: Sequence[str], outputs: Outputs) -> list[ChatMessage]:
        if any(name.startswith("summary-") for name in step.needs):
            return self._of_summaries(step.needs, outputs)
        parts = self._parts(texts)
        if step.name == LAST_STEP:
            return self._messages(_WHOLE, parts[0])
        return self._part(parts, int(step.name.rpartition("-")[2]))

    def _part(self, parts: Sequence[str], number: int) -> list[ChatMessage]:
        return self._messages(_PART.format(number=number, count=len(parts)), parts[number - 1])

    def _of_summaries(self, names: Iterable[str], outputs: Outputs) -> list[ChatMessage]:
        return self._messages(_SUMMARIES, "\n".join(to_json(outputs[name]["output"]) for name in names))

    def _messages(self, kind: str, material: str) -> list[ChatMessage]:
        prompt = self._profile.prompt
        return format_prompt(prompt.system, prompt.user, {"kind": kind, "material": fence(material)})

    def _last(self, outputs: Outputs, messages: list[ChatMessage], needs: tuple[str, ...], before: int) -> Plan:
        if LAST_STEP in outputs:
            return Plan((), before + 1, before + 1)
        return Plan((self._step(LAST_STEP, messages, needs, "summing up"),), before, before + 1)

    def _step(self, name: str, messages: list[ChatMessage], needs: tuple[str, ...], title: str) -> Step:
        return Step(name, title, self._tokens(messages), needs, self._deployment)

    def _tokens(self, messages: list[ChatMessage]) -> int:
        return estimate_request_tokens(messages, self._profile.max_tokens, self._base_model, self._response_format)

    def _bytes(self, messages: list[ChatMessage]) -> int:
        """No fewer than `_tokens`: a token has a byte at least. The tokenizer takes 0.4 s to load."""
        return len(to_json([messages, self._response_format]).encode()) + self._profile.max_tokens

    def _size(self, output: dict[str, Any]) -> int:
        return count_tokens(to_json(output["output"]), self._base_model) + 1

    def _parts(self, texts: Sequence[str]) -> list[str]:
        """The texts, put together into parts that fit."""

        def size(text: str) -> int:
            return count_tokens(text, self._base_model) + 1  # for what joins it to others

        pieces = [piece for text in texts for piece in _fitting(text, self._part_tokens, size)]
        groups = _packed([text for text, _ in pieces], [tokens for _, tokens in pieces], self._part_tokens)
        return [joined(group) for group in groups]


def _fitting(text: str, limit: int, size: Callable[[str], int]) -> Iterator[tuple[str, int]]:
    """The text, cut between words into pieces that fit, with their sizes."""
    tokens = size(text)
    spans = word_spans(text)
    if tokens <= limit or len(text) < 2:
        yield text, tokens
        return
    middle = spans[len(spans) // 2][0] if len(spans) > 1 else len(text) // 2
    yield from _fitting(text[:middle].rstrip(), limit, size)
    yield from _fitting(text[middle:], limit, size)


def _packed[T](items: Sequence[T], sizes: Sequence[int], limit: int) -> Iterator[list[T]]:
    """The items in their order, in as few groups as fit; one that is too large has its own."""
    group: list[T] = []
    total = 0
    for item, size in zip(items, sizes, strict=True):
        if group and total + size > limit:
            yield group
            group, total = [], 0
        group.append(item)
        total += size
    if group:
        yield group
