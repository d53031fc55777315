"""Counts of jobs: pure sums over what rows of jobs say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.jobs.record import JobState

_OPEN = (JobState.PENDING, JobState.RUNNING, JobState.PAUSED)


@dataclass(frozen=True, slots=True)
class Tally:
    """How far some jobs are.

    Attributes:
        jobs: how many there are.
        states: how many of them are in which state; those without a row are in none.
        reasons: how many failed with which code.
        input_tokens, output_tokens: as billed so far.
        audio_s: seconds of recordings that were transcribed so far.
    """

    jobs: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    audio_s: float = 0.0

    @classmethod
    def of(cls, jobs: int, rows: Iterable[Mapping[str, Any]]) -> "Tally":
        """Count rows of jobs.

        Args:
            jobs: how many rows there were once.
        """
        states: dict[str, int] = {}
        reasons: dict[str, int] = {}
        tokens = [0, 0]
        audio_s = 0.0
        for row in rows:
            state = str(row["state"])
            states[state] = states.get(state, 0) + 1
            if state == JobState.FAILED and row.get("error_code"):
                reasons[row["error_code"]] = reasons.get(row["error_code"], 0) + 1
            tokens[0] += row.get("input_tokens") or 0
            tokens[1] += row.get("output_tokens") or 0
            audio_s += row.get("audio_s") or 0.0
        return cls(jobs, states, reasons, tokens[0], tokens[1], round(audio_s, 3))

    @property
    def open(self) -> int:
        """Jobs that haven't ended."""
        return sum(self.states.get(state, 0) for state in _OPEN)

    @property
    def ended(self) -> int:
        """Jobs that have; those that were deleted since among them."""
        return self.jobs - self.open

    def plus(self, other: "Tally", sign: int = 1) -> "Tally":
        """Both together; with sign -1 the one without the other."""
        return replace(
            self,
            jobs=self.jobs + sign * other.jobs,
            states=_sum(self.states, other.states, sign),
            reasons=_sum(self.reasons, other.reasons, sign),
            input_tokens=self.input_tokens + sign * other.input_tokens,
            output_tokens=self.output_tokens + sign * other.output_tokens,
            audio_s=round(self.audio_s + sign * other.audio_s, 3),
        )

    def as_json(self) -> list[Any]:
        """As JSON values, in short."""
        tokens = (self.input_tokens, self.output_tokens)
        return [self.jobs, dict(self.states), dict(self.reasons), *tokens, self.audio_s]

    @classmethod
    def from_json(cls, value: list[Any]) -> "Tally":
        """The reverse."""
        return cls(*value)


def _sum(one: Mapping[str, int], other: Mapping[str, int], sign: int) -> dict[str, int]:
    found = {name: one.get(name, 0) + sign * other.get(name, 0) for name in {**one, **other}}
    return {name: count for name, count in found.items() if count}
