"""From the sentiment of clauses to the sentiment of a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SentimentLabel = Literal["positive", "negative", "neutral", "mixed"]

# On sentences written for this purpose, neutral ones mostly stay within 0.2 of zero.
_NEUTRAL_BELOW = 0.2
_MIXED_FROM = 0.12
_MIXED_UP_TO = 0.35


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Attributes: score: -1 (negative) to 1 (positive)."""

    label: SentimentLabel
    score: float


def summed_up(scores: Sequence[float]) -> Sentiment:
    """The sentiment of a text.

    Args:
        scores: -1..1, one a clause.

    Returns:
        The mean as the score. "mixed" where praise and complaint both have weight and neither clearly prevails.
    """
    if not scores:
        return Sentiment("neutral", 0.0)
    score = sum(scores) / len(scores)
    praise = sum(max(s, 0.0) for s in scores) / len(scores)
    complaint = praise - score
    if min(praise, complaint) >= _MIXED_FROM and abs(score) <= _MIXED_UP_TO:
        return Sentiment("mixed", score)
    if abs(score) < _NEUTRAL_BELOW:
        return Sentiment("neutral", score)
    return Sentiment("positive" if score > 0 else "negative", score)
