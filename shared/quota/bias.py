"""How much more the endpoint counts than we do, learnt from what it says remains.

The factor divides the capacity; the numbers in the slots stay as estimated. It is never below 1: an endpoint that seems
to count less may only not have been asked for all that is booked.

The highest recent ratio counts, not the mean: an endpoint that counts in fixed minutes shows the whole factor only just
before its minute ends, and shows less from the start of the next.
"""

from dataclasses import dataclass, field

from shared.quota.limits import MINUTE_S, SLOT_S
from shared.quota.slot_counts import SlotCounts

MAX_BIAS = 2.0
KEPT_S = 150.0
"""Over two minutes: one whole fixed minute is always among what is remembered."""
KEPT = 24

_LEAST_USE = 0.2  # of the limit; below, single calls weigh too much
_LARGEST_DOUBT = (
    0.015  # of what is expected: calls of which it isn't known on which side of the window's edge they fall
)
_NOTHING = 0.006  # ratios this close to 1 are rounding
_SENT_EARLY_S = 0.1


@dataclass(slots=True)
class BiasState:
    """Attributes:

    ratios: pairs of when a call was sent and the ratio of what the endpoint counted to what we did. Of each 5 s the
        highest.
    """

    ratios: list[list[float]] = field(default_factory=list)

    def factor(self, now_s: float) -> float:
        """What the capacity is divided by: 1 to 2."""
        recent = [ratio for at_s, ratio in self.ratios if at_s > now_s - KEPT_S]
        highest = max(recent, default=1.0)
        return 1.0 if highest < 1 + _NOTHING else min(MAX_BIAS, highest)

    def observe(self, counts: SlotCounts, tpm: int, sent_s: float, remaining_tokens: float, now_s: float) -> None:
        """Learn from one answer.

        Args:
            sent_s: when its call was sent.
            remaining_tokens: `x-ratelimit-remaining-tokens` of the answer.
        """
        if not now_s - 30 < sent_s <= now_s + 1 or remaining_tokens >= tpm:
            return
        expected, doubt = expected_tokens(counts, sent_s)
        if expected < _LEAST_USE * tpm or doubt > _LARGEST_DOUBT * expected:
            return
        ratio = round((tpm - remaining_tokens) / expected, 4)
        if self.ratios and self.ratios[-1][0] > sent_s - 5:
            self.ratios[-1][1] = max(self.ratios[-1][1], ratio)
        else:
            self.ratios.append([round(sent_s, 2), ratio])
            del self.ratios[:-KEPT]

    def as_list(self) -> list[list[float]]:
        """As JSON values."""
        return self.ratios

    @classmethod
    def from_list(cls, raw: list[list[float]]) -> "BiasState":
        """Read what `as_list` gave."""
        return cls([[float(at_s), float(ratio)] for at_s, ratio in raw])


def expected_tokens(counts: SlotCounts, at_s: float) -> tuple[float, float]:
    """Tokens of the calls that the endpoint counted in the 60 s up to now, by our estimates.

    Returns:
        The number, and by how much it can be off either way.
    """
    newest = int((at_s - _SENT_EARLY_S) // SLOT_S) - counts.first
    oldest = newest - int(MINUTE_S / SLOT_S)
    sent, booked = counts.sent_tokens, counts.booked_tokens
    low = max(0, oldest + 1)
    # The slot of the call itself was sent before or with it; the slot 60 s earlier may be in or out.
    edge = sent[oldest] if 0 <= oldest < len(sent) else 0
    unheard = sum(booked[low : newest + 1])
    expected = sum(sent[low : newest + 1]) + edge / 2 + unheard / 2
    return expected, (edge + unheard) / 2
