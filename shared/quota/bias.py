"""How much more the endpoint counts than we do, learnt from what it says remains.

The factor divides the capacity; the numbers in the slots stay as estimated. It is never below 1: an endpoint that seems
to count less may only not have been asked for all that is booked.

Each answer gives two lower bounds of the factor, and the highest of the last minutes counts:

- what the endpoint counts now, over what we sent in the last 60 s. With a rolling window that is the factor itself; an
  endpoint that counts in fixed minutes shows it only just before its minute ends;
- what it counts more than after an earlier answer, over what we sent between the two. With fixed minutes that is the
  factor itself; with a rolling window it is less, as old calls leave it meanwhile.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from shared.quota.limits import MINUTE_S, MINUTE_SLOTS, SENT_EARLY_S, SLOT_S, slot_at
from shared.quota.slot_counts import SlotCounts

MAX_BIAS = 2.0
KEPT_S = 150.0
KEPT = 24
_SEEN = 6

_LEAST_USE = 0.1  # of the limit; below, single calls weigh too much
_LARGEST_DOUBT = 0.01  # of what is expected
_NOTHING = 0.004  # ratios this close to 1 are noise
_MARGIN = 0.002  # the factor differs from window to window by the rounding of single charges
_REJECTED = 0.005  # what a 429 adds
_FULL = 0.95
_EARLY_S, _LATE_S = 0.05, 0.40  # when the endpoint got a slot's calls, from the start of the slot


@dataclass(slots=True)
class BiasState:
    """Attributes:

    ratios: pairs of a time and the factor at least; of each 5 s the highest.
    seen: pairs of when a call was sent and what the endpoint had counted then, in time.
    """

    ratios: list[list[float]] = field(default_factory=list)
    seen: list[list[float]] = field(default_factory=list)

    def factor(self, now_s: float) -> float:
        """What the capacity is divided by: 1 to 2."""
        recent = [ratio for at_s, ratio in self.ratios if at_s > now_s - KEPT_S]
        highest = max(recent, default=1.0)
        return 1.0 if highest < 1 + _NOTHING else min(MAX_BIAS, highest + _MARGIN)

    def observe(
        self, counts: SlotCounts, tpm: int, sent_s: float, tokens: int, remaining_tokens: int, now_s: float
    ) -> None:
        """Learn from one answer.

        Args:
            sent_s: when its call was sent.
            tokens: of this call, as estimated.
            remaining_tokens: `x-ratelimit-remaining-tokens` of the answer.
        """
        if not now_s - 30 < sent_s <= now_s + 1:
            return
        used = tpm - remaining_tokens
        self._note(used, *expected_tokens(counts, sent_s, tokens), tpm, sent_s)
        self.seen = [one for one in self.seen if now_s - MINUTE_S < one[0] < sent_s]
        for earlier_s, earlier in self.seen:
            self._note(used - earlier, *_sent_between(counts, earlier_s, sent_s), tpm, sent_s)
        self.seen = [*self.seen, [round(sent_s, 2), used]][-_SEEN:]

    def rejected(self, counts: SlotCounts, tpm: int, sent_s: float, tokens: int, now_s: float) -> None:
        """Learn from a 429 because of tokens: the endpoint had counted more than the limit.

        A call that was rejected although all was used as planned says that the factor is too low, but not by how much.
        """
        expected, doubt = expected_tokens(counts, sent_s, tokens)
        most, factor = expected + 2 * doubt, self.factor(now_s)
        if most < tpm / MAX_BIAS:
            return  # others used it, or it was never ours
        ratio = max(tpm / most, factor if most > _FULL * tpm / factor else 1.0) + _REJECTED
        self._keep(round(ratio, 4), sent_s)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"ratios": self.ratios, "seen": self.seen}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "BiasState":
        """Read what `as_dict` gave."""
        return cls(*([[float(a), float(b)] for a, b in raw[name]] for name in ("ratios", "seen")))

    def _note(self, used: float, expected: float, doubt: float, tpm: int, sent_s: float) -> None:
        if used <= 0 or expected < _LEAST_USE * tpm or doubt > _LARGEST_DOUBT * expected:
            return
        self._keep(round(used / (expected + 2 * doubt), 4), sent_s)

    def _keep(self, ratio: float, sent_s: float) -> None:
        if self.ratios and self.ratios[-1][0] > sent_s - 5:
            self.ratios[-1][1] = max(self.ratios[-1][1], ratio)
        else:
            self.ratios.append([round(sent_s, 2), ratio])
            del self.ratios[:-KEPT]


def expected_tokens(counts: SlotCounts, sent_s: float, own: int = 0) -> tuple[float, float]:
    """Tokens that the endpoint counted when it got a call: its own and those of the 60 s before, by our estimates.

    Where a slot lies across the edge of the window, it isn't known which of its calls are in; of bookings that nothing
    was heard of it isn't known whether they were sent.

    Returns:
        The number, and its standard deviation.
    """
    at = sent_s / SLOT_S - counts.first
    oldest = max(0, int(at - MINUTE_SLOTS - _LATE_S / SLOT_S))
    newest = min(len(counts.sent_tokens), int(at) + 2)
    own_slot = slot_at(sent_s - SENT_EARLY_S) - counts.first
    total, variance = float(own), 0.0
    for slot in range(oldest, newest):
        sent = counts.sent_tokens[slot]
        if slot == own_slot:
            sent = max(0, sent - own)
        share = _share_got(at - slot) - _share_got(at - slot - MINUTE_SLOTS)
        booked = counts.booked_tokens[slot]
        total += sent * share + booked * share / 2
        variance += sent * sent * share * (1 - share) + booked * booked * share / 4
    return total, math.sqrt(variance)


def _sent_between(counts: SlotCounts, earlier_s: float, later_s: float) -> tuple[float, float]:
    """Tokens that the endpoint got after one call until another, at most, and their standard deviation."""
    first, last = earlier_s / SLOT_S - counts.first, later_s / SLOT_S - counts.first
    total, variance = 0.0, 0.0
    for slot in range(max(0, int(first) - 2), min(len(counts.sent_tokens), int(last) + 2)):
        sent = counts.sent_tokens[slot]
        share = _share_got(last - slot) - _share_got(first - slot)
        total += sent * share + counts.booked_tokens[slot]
        variance += sent * sent * share * (1 - share)
    return total, math.sqrt(variance)


def _share_got(slots_after: float) -> float:
    """The share of a slot's calls that the endpoint got so long after the start of the slot."""
    return min(1.0, max(0.0, (slots_after * SLOT_S - _EARLY_S) / (_LATE_S - _EARLY_S)))
