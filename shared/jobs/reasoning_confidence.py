"""How far a result can be trusted, as one number. docs/reasoning.md explains the formula to users."""

from dataclasses import dataclass
from enum import StrEnum


class Review(StrEnum):
    """How the verification went."""

    ACCEPTED = "accepted"
    ACCEPTED_AFTER_REVISION = "accepted_after_revision"
    REFUSED = "refused"


_WORTH = {Review.ACCEPTED: 1.0, Review.ACCEPTED_AFTER_REVISION: 0.9, Review.REFUSED: 0.4}


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of an answer.

    Attributes:
        review: of the answer as it is given.
        reported: what the model says of itself, 0..1.
        agreeing: samples that gave this answer, of `samples`.
        quotes: that are in the inputs.
        dropped: quotes that aren't.
        has_inputs: whether there was anything to quote.
    """

    review: Review
    reported: float
    agreeing: int = 1
    samples: int = 1
    quotes: int = 0
    dropped: int = 0
    has_inputs: bool = True


def confidence(signals: Signals) -> float:
    """review x support x evidence, 0..1, rounded to three decimals.

    - review: 1 where the verification accepted the answer, 0.9 where it accepted the revised one, 0.4 where it refused
      that, too;
    - support: what the model reports; with several samples, the mean of that and the share of samples that agree;
    - evidence: from 0.5 (no quote is in the inputs) to 1 (all are); 0.75 where nothing is quoted, 1 where there are no
      inputs.

    It is a rank among jobs of one kind, not a probability: self-reports of models are too high.
    """
    reported = min(1.0, max(0.0, signals.reported))
    agreement = signals.agreeing / signals.samples
    support = reported if signals.samples == 1 else (reported + agreement) / 2
    return round(_WORTH[signals.review] * support * _evidence(signals), 3)


def _evidence(signals: Signals) -> float:
    if not signals.has_inputs:
        return 1.0
    given = signals.quotes + signals.dropped
    share = signals.quotes / given if given else 0.5
    return 0.5 + 0.5 * share
