"""One reasoning job, prepared: its texts, how they are split, and the call of each step."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import InvalidMessageError, PermanentError
from shared.jobs.reasoning_budget import Budget, budget_of
from shared.jobs.reasoning_evidence import Evidence, checked
from shared.jobs.reasoning_inputs import digest_of
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.jobs.reasoning_parts import Passage, split_inputs
from shared.jobs.reasoning_profile import ReasoningProfile
from shared.jobs.reasoning_prompts import Call, Calls, shown_notes
from shared.jobs.reasoning_request import ReasoningRequest
from shared.jobs.reasoning_vote import Candidate, vote
from shared.jobs.steps import Outputs
from shared.model.tokens import count_tokens

_TOKENS_OF_LABEL = 40
"""Around a passage, its input's id apart: its place in the input, and the fence."""
_MOST_CHARS_PER_TOKEN = 50
"""What is longer isn't counted to find out that it doesn't fit; only white space has longer tokens."""


type Parts = Sequence[tuple[Passage, ...]]


class KnownParts:
    """Remembers how inputs were split: every step of a job asks, and long inputs take seconds."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._parts: dict[str, Parts] = {}

    def get(self, name: str, split: Callable[[], Parts]) -> Parts:
        """The parts of this name, split where they aren't known."""
        if name not in self._parts:
            parts = split()
            self._parts = {**dict(list(self._parts.items())[1 - self._most :]), name: parts}
        return self._parts[name]


class InputsChangedError(PermanentError):
    """An input, or a setting that decides how inputs are split, was changed while the job was worked on."""

    code = "inputs_changed"


@dataclass(frozen=True)
class Work:
    """Attributes:

    texts: by input id.
    parts: that are read one by one; empty where all texts fit the calls that solve.
    digest: names texts and parts.
    """

    request: ReasoningRequest
    texts: Mapping[str, str]
    calls: Calls
    budget: Budget
    parts: "Parts"
    digest: str
    base_model: str

    @classmethod
    def prepare(
        cls,
        request: ReasoningRequest,
        texts: Mapping[str, str],
        profile: ReasoningProfile,
        limits: ReasoningLimits,
        base_model: str,
        known: "KnownParts",
    ) -> "Work":
        """Count and split. Takes about 0.3 s for a million characters at first: not for the event loop.

        Args:
            known: how inputs were split before.

        Raises:
            InvalidMessageError: the inputs need too many parts, or the task is too large for them.
        """
        calls = Calls(request, profile, limits, base_model)
        budget = budget_of(calls, profile, limits, base_model)
        parts: Parts = ()
        digest = digest_of(texts)
        if not _fits(calls.whole(texts), budget.material, base_model):
            label = max(count_tokens(name, base_model) for name in texts) + _TOKENS_OF_LABEL
            overlap = min(profile.overlap_tokens, budget.part // 8)
            parts = known.get(
                f"{digest}:{budget.part}:{overlap}:{label}",
                lambda: split_inputs(
                    list(texts.values()), budget.part, overlap, label, lambda text: count_tokens(text, base_model)
                ),
            )
        if len(parts) > limits.parts:
            raise InvalidMessageError(
                f"The inputs have to be read in {len(parts)} parts of {budget.part} tokens; {limits.parts} are "
                "allowed. Split the job.",
                field="inputs",
            )
        return cls(request, texts, calls, budget, parts, _digest(digest, parts), base_model)

    def check(self, outputs: Outputs) -> None:
        """Check that what was kept is about these texts and parts.

        Raises:
            InputsChangedError
        """
        if any(output["inputs"] != self.digest for output in outputs.values()):
            raise InputsChangedError(
                "An input of this job, or a setting that decides how inputs are split, was changed while the job was "
                "worked on. Replay it."
            )

    def call(self, name: str, needs: Sequence[str], outputs: Outputs) -> Call:
        """The call of a step, by its name.

        Args:
            needs: names of the steps that it builds on, as the rounds have them.
        """
        material = self._material(needs, outputs)
        plan = outputs["plan"]["plan"] if "plan" in needs else ()
        match kind_of(name):
            case "plan":
                return self.calls.plan()
            case "read":
                number = int(name.rpartition("-")[2])
                part = self.calls.inputs(self.parts[number - 1], self.texts, self.title_of(name))
                return self.calls.read(part, self.budget.notes)
            case "merge":
                return self.calls.merge(material, self.budget.notes)
            case "verify":
                return self.calls.verify(material, self._shown(needs, outputs))
            case "revise":
                problems = outputs["verify"]["problems"]
                return self.calls.revise(material, plan, self._shown(needs, outputs), problems)
        return self.calls.solve(material, plan)

    def evidence(self, output: Mapping[str, Any], key: str = "evidence") -> Evidence:
        """What of a step's quotes is in the inputs."""
        return checked(output.get(key, ()), self.texts)

    def title_of(self, name: str) -> str:
        """What a step that makes notes is about."""
        if kind_of(name) == "read":
            return f"part {int(name.rpartition('-')[2])} of {len(self.parts)}"
        return "several parts"

    def notes_tokens(self, name: str, output: Mapping[str, Any]) -> int:
        """What the notes of a step take in the call that they are shown to."""
        return count_tokens(shown_notes(self.title_of(name), output) + "\n\n", self.base_model)

    def _material(self, needs: Sequence[str], outputs: Outputs) -> str:
        noted = [name for name in needs if kind_of(name) in ("read", "merge")]
        if noted:
            return self.calls.notes([(self.title_of(name), outputs[name]) for name in noted])
        return "" if self.parts else self.calls.whole(self.texts)

    def _shown(self, needs: Sequence[str], outputs: Outputs) -> dict[str, Any]:
        """The answer that is up for verification or revision, with those of its quotes that are in the inputs."""
        output = outputs[candidate_of(needs, outputs)]
        if not self.texts:
            return {"answer": output["answer"]}
        quotes = [{"input": quote.input, "quote": quote.said} for quote in self.evidence(output).quotes]
        return {"answer": output["answer"], "evidence": quotes}


def kind_of(name: str) -> str:
    """What a step does, by its name."""
    return name.partition("-")[0]


def candidate_of(names: Sequence[str], outputs: Outputs) -> str:
    """Which of these steps made the answer that counts: the revision, or the sample that won."""
    if "revise" in names:
        return "revise"
    solved = [name for name in names if kind_of(name) == "solve"]
    return solved[vote(candidates(solved, outputs)).winner]


def candidates(names: Sequence[str], outputs: Outputs) -> list[Candidate]:
    """The answers of these steps."""
    return [Candidate(outputs[name]["answer"], outputs[name]["confidence"]) for name in names]


def _digest(texts: str, parts: Parts) -> str:
    """Of texts and parts. Where all fit one call, settings don't count."""
    return f"{texts}:{hashlib.sha256(repr(parts).encode()).hexdigest()[:8]}" if parts else texts


def _fits(section: str, tokens: int, base_model: str) -> bool:
    return len(section) <= tokens * _MOST_CHARS_PER_TOKEN and count_tokens(section, base_model) <= tokens
