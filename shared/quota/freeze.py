"""What a 429 changes: nothing starts for a while, what was booked before is void, and the windows get wider.

A worker that gets a 429 and the counter come to the same freeze by themselves: `Freeze.after`. Workers share it through
a row of its own, which they read together with the job.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from shared.quota.limits import slot_from

DEFAULT_FREEZE_S = 5.0
MIN_FREEZE_S = 1.0
MAX_FREEZE_S = 60.0
"""After one window nothing of what was counted is left, whatever `retry-after` says (86400 has been seen)."""

_WIDEN_S = 0.5
_WIDEST_S = 3.0
_HALF_LIFE_S = 120.0
_VOIDS_KEPT = 16


def freeze_length_s(retry_after_s: object) -> float:
    """How long to stop after a 429.

    Args:
        retry_after_s: as the endpoint gave it: it may be missing, 0, negative, far too long or no number
            (openai-python #937, openai-dotnet #838).
    """
    if isinstance(retry_after_s, bool) or not isinstance(retry_after_s, int | float) or math.isnan(retry_after_s):
        return DEFAULT_FREEZE_S
    return min(MAX_FREEZE_S, max(MIN_FREEZE_S, float(retry_after_s)))


@dataclass(frozen=True, slots=True)
class Freeze:
    """What all workers must know of the 429s so far.

    Attributes:
        epoch: grows with every 429 of a call that was booked in the present epoch, and when bookings are recalled.
            Bookings of earlier epochs are void.
        until_s: nothing starts before.
    """

    epoch: int = 0
    until_s: float = 0.0

    def after(self, booking_epoch: int, retry_after_s: object, now_s: float) -> "Freeze":
        """The freeze after a 429 of a call that was booked in this epoch.

        Calls that were in flight together bring 429s of an epoch that is over: they can prolong the freeze, but void
        nothing that was booked since.
        """
        until_s = now_s + freeze_length_s(retry_after_s)
        return Freeze(max(self.epoch, booking_epoch + 1), max(self.until_s, until_s))


@dataclass(slots=True)
class FreezeState:
    """The counter's own memory of 429s.

    Attributes:
        throttles: 429s in all.
        widened_s: what 429s added to the windows, as of `widened_at_s`; it halves every two minutes.
        voids: pairs of an epoch and the first slot whose earlier bookings it voided.
    """

    freeze: Freeze = field(default_factory=Freeze)
    throttles: int = 0
    widened_s: float = 0.0
    widened_at_s: float = 0.0
    voids: list[list[int]] = field(default_factory=list)

    def extra_s(self, now_s: float) -> float:
        """What is added to the windows now, in s."""
        return self.widened_s * math.exp2(-max(0.0, now_s - self.widened_at_s) / _HALF_LIFE_S)

    def throttled(self, booking_epoch: int | None, retry_after_s: object, now_s: float) -> int | None:
        """Count a 429.

        Args:
            booking_epoch: of the booking of the call; None where it isn't known.

        Returns:
            The slot from which on all bookings are void from now on; None where this 429 voids none.
        """
        before = self.freeze
        epoch = before.epoch if booking_epoch is None else min(booking_epoch, before.epoch)
        self.freeze = before.after(epoch, retry_after_s, now_s)
        self.throttles += 1
        if self.freeze.epoch == before.epoch:
            return None
        self.widened_s = min(_WIDEST_S, self.extra_s(now_s) + _WIDEN_S)
        self.widened_at_s = now_s
        void_from = slot_from(self.freeze.until_s)
        self.begin_epoch(void_from, self.freeze.epoch)
        return void_from

    def begin_epoch(self, void_from: int, epoch: int | None = None) -> None:
        """Void all bookings of earlier epochs; those from this slot on are no longer counted."""
        epoch = self.freeze.epoch + 1 if epoch is None else epoch
        self.freeze = Freeze(epoch, self.freeze.until_s)
        self.voids = [*self.voids, [epoch, void_from]][-_VOIDS_KEPT:]

    def is_void(self, booking_epoch: int, slot: int) -> bool:
        """Whether a 429 dropped this booking from the ledger already."""
        if booking_epoch >= self.freeze.epoch:
            return False
        later = [void_from for epoch, void_from in self.voids if epoch > booking_epoch]
        # Of epochs that are forgotten nothing is known: as dropped, so that nothing is given back twice.
        forgotten = not later or (len(self.voids) == _VOIDS_KEPT and self.voids[0][0] > booking_epoch + 1)
        return forgotten or slot >= min(later)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "epoch": self.freeze.epoch,
            "until_s": round(self.freeze.until_s, 3),
            "throttles": self.throttles,
            "widened": [round(self.widened_s, 3), round(self.widened_at_s, 3)],
            "voids": self.voids,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "FreezeState":
        """Read what `as_dict` gave."""
        widened_s, widened_at_s = raw["widened"]
        voids = [[int(epoch), int(slot)] for epoch, slot in raw["voids"]]
        freeze = Freeze(int(raw["epoch"]), float(raw["until_s"]))
        return cls(freeze, int(raw["throttles"]), float(widened_s), float(widened_at_s), voids)
