"""What model calls need that haven't been made: counted before, at least and at most."""

from dataclasses import dataclass, field
from functools import reduce


@dataclass(frozen=True, slots=True)
class Needs:
    """What some calls of one deployment need.

    Attributes:
        charged_tokens: of the quota: prompts, and the longest answers.
        input_tokens, output_tokens: that will be billed.
        audio_s: seconds of sound that will be billed.
    """

    calls: int = 0
    charged_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    audio_s: float = 0.0

    def plus(self, other: "Needs") -> "Needs":
        """Both together."""
        return Needs(
            self.calls + other.calls,
            self.charged_tokens + other.charged_tokens,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.audio_s + other.audio_s,
        )


def summed(needs: list[Needs]) -> Needs:
    """All together."""
    return reduce(Needs.plus, needs, Needs())


@dataclass(frozen=True, slots=True)
class NeedsRange:
    """What is needed at least, and at most."""

    least: Needs = field(default_factory=Needs)
    most: Needs = field(default_factory=Needs)

    def plus(self, other: "NeedsRange") -> "NeedsRange":
        """Both together."""
        return NeedsRange(self.least.plus(other.least), self.most.plus(other.most))
