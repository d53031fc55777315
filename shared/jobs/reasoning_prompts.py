"""The calls of a reasoning job: what each step is told, and how much it may answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.jobs.kinds import Draft
from shared.jobs.reasoning_answer import AnswerFormat, notes_format, plan_format, solution_format, verdict_format
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.jobs.reasoning_parts import Passage
from shared.jobs.reasoning_profile import ReasoningProfile, Section, StepKind
from shared.jobs.reasoning_request import ReasoningRequest
from shared.messages import to_json
from shared.model.client import ChatMessage, Completion, ModelClient
from shared.model.prompts import fence, format_prompt, without_markers
from shared.model.reasoning_models import ReasoningEffort, hidden_tokens
from shared.model.structured import repair_messages
from shared.model.tokens import estimate_request_tokens

# A call has room for what a reasoning model thinks, but not more than this share of it: the rest is for the job.
_HIDDEN_SHARE = 1 / 3

_LESS_EFFORT: Mapping[ReasoningEffort, ReasoningEffort] = {"high": "medium", "medium": "low", "low": "low"}


@dataclass(frozen=True, slots=True)
class Call:
    """One model call.

    Attributes:
        max_tokens: of the output, with what a reasoning model thinks.
    """

    messages: Sequence[ChatMessage]
    format: AnswerFormat
    max_tokens: int
    temperature: float | None
    effort: ReasoningEffort

    def tokens(self, base_model: str) -> int:
        """What the endpoint will charge."""
        return estimate_request_tokens(self.messages, self.max_tokens, base_model, self.format.response_format)

    def repairing(self, draft: Draft) -> "Call":
        """The call that mends an answer to this one.

        A reasoning model gets a lower effort: what it may have lacked is room for the answer beside its thoughts.
        """
        messages = repair_messages(self.messages, draft.output, draft.error)
        return replace(self, messages=messages, effort=_LESS_EFFORT[self.effort])

    async def make(self, model: ModelClient) -> Completion:
        """Make it.

        Raises:
            SluiceError: see ModelClient.
        """
        return await model.chat_completion(
            self.messages,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            response_format=self.format.response_format,
            reasoning_effort=self.effort,
        )


class Calls:
    """Builds the calls of one job.

    Args:
        base_model: decides how tokens are counted, and whether room for hidden ones is needed.
    """

    def __init__(
        self, request: ReasoningRequest, profile: ReasoningProfile, limits: ReasoningLimits, base_model: str
    ) -> None:
        self._request = request
        self._profile = profile
        self._ids = [one.id for one in request.inputs]
        self.hidden_tokens = min(hidden_tokens(base_model, request.effort), int(limits.call_tokens * _HIDDEN_SHARE))
        self.solution_tokens = request.max_tokens or limits.default_max_tokens

    @property
    def has_inputs(self) -> bool:
        return bool(self._ids)

    def plan(self) -> Call:
        """Which sees no input, only how many there are and how long."""
        overview = "\n".join(f"Input {one.id}{_length(one.text)}" for one in self._request.inputs)
        material = self._section("inputs", overview) if overview else ""
        return self._call("plan", plan_format(), {"material": material})

    def read(self, material: str, max_tokens: int) -> Call:
        """Of one part."""
        return self._call("read", notes_format("reasoning_read", self._ids), {"material": material}, max_tokens)

    def merge(self, material: str, max_tokens: int) -> Call:
        """Of some notes."""
        return self._call("merge", notes_format("reasoning_merge", self._ids), {"material": material}, max_tokens)

    def solve(self, material: str, plan: Sequence[str] = ()) -> Call:
        """One sample."""
        call = self._solution("solve", material, plan)
        several = self._request.samples > 1
        return replace(call, temperature=self._profile.sampling_temperature) if several else call

    def revise(self, material: str, plan: Sequence[str], answer: Mapping[str, Any], problems: Sequence[str]) -> Call:
        """After a refusal."""
        found = fence("\n".join(f"- {problem}" for problem in problems) or "- The answer is wrong.")
        more = {"answer": self._section("answer", _candidate(answer)), "problems": self._section("problems", found)}
        return self._solution("revise", material, plan, more)

    def verify(self, material: str, answer: Mapping[str, Any]) -> Call:
        """Sees neither the plan nor the reasoning behind the answer."""
        given = {"material": material, "answer": self._section("answer", _candidate(answer))}
        return self._call("verify", verdict_format(), given)

    def inputs(self, passages: Sequence[Passage], texts: Mapping[str, str], part: str = "") -> str:
        """The section of the inputs.

        Args:
            part: which part of the inputs it is, for people; "" where it is all of them.
        """
        shown = [_passage(self._ids[one.input], texts[self._ids[one.input]], one) for one in passages]
        if not shown:
            return ""
        return self._section("inputs", "\n\n".join([f"This is {part}.", *shown] if part else shown))

    def notes(self, notes: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
        """The section of the notes.

        Args:
            notes: what each is on ("part 3 of 7"), and the output of the step.
        """
        return self._section("notes", "\n\n".join(shown_notes(title, output) for title, output in notes))

    def whole(self, texts: Mapping[str, str]) -> str:
        """The section of all inputs."""
        passages = [Passage(index, 0, len(texts[name])) for index, name in enumerate(self._ids)]
        return self.inputs(passages, texts)

    def max_tokens_of(self, step: StepKind) -> int:
        """The longest output of a step, without what a reasoning model thinks."""
        return self.solution_tokens if step in ("solve", "revise") else self._profile.steps[step].max_tokens

    def _solution(
        self, step: StepKind, material: str, plan: Sequence[str], more: Mapping[str, str] | None = None
    ) -> Call:
        answer = solution_format(f"reasoning_{step}", self._ids, self._request.response_schema)
        steps = without_markers("\n".join(f"{number}. {one}" for number, one in enumerate(plan, 1)))
        given = {
            "schema": self._section("schema", without_markers(answer.told)) if answer.told else "",
            "plan": self._section("plan", steps) if plan else "",
            "material": material,
            **(more or {}),
        }
        return self._call(step, answer, given, self.solution_tokens)

    def _call(
        self, step: StepKind, answer: AnswerFormat, given: Mapping[str, str], max_tokens: int | None = None
    ) -> Call:
        prompt = self._profile.steps[step]
        request = self._request
        values = {
            **dict.fromkeys(("schema", "material", "plan", "answer", "problems"), ""),
            "task": self._section("task", without_markers(request.task)),
            "instructions": self._section("instructions", without_markers(request.instructions or "")),
            **given,
        }
        if request.instructions is None:
            values["instructions"] = ""
        return Call(
            format_prompt(prompt.system, prompt.user, values),
            answer,
            (prompt.max_tokens if max_tokens is None else max_tokens) + self.hidden_tokens,
            prompt.temperature,
            request.effort,
        )

    def _section(self, name: Section, value: str) -> str:
        return format_prompt("", self._profile.sections[name], {"value": value})[-1]["content"]


def shown_notes(title: str, output: Mapping[str, Any]) -> str:
    """The notes of one part, and the passages that it copied."""
    lines = "\n".join(f"- {note}" for note in output["notes"]) or "- Nothing in it matters for the task."
    quotes = (f"Input {one['input']}, a passage:\n{fence(one['quote'])}" for one in output["quotes"])
    return "\n\n".join([f"Notes on {title}:\n{fence(lines)}", *quotes])


def _passage(name: str, text: str, passage: Passage) -> str:
    whole = (passage.start, passage.end) == (0, len(text))
    place = "" if whole else f", characters {passage.start} to {passage.end} of {len(text)}"
    return f"Input {name}{place}:\n{fence(text[passage.start : passage.end])}"


def _candidate(answer: Mapping[str, Any]) -> str:
    """An answer with its evidence, fenced: what it says may come from the inputs."""
    return fence(to_json({name: answer[name] for name in ("answer", "evidence") if name in answer}))


def _length(text: str | None) -> str:
    return "" if text is None else f" ({len(text)} characters)"
