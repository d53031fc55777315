"""All that a ledger remembers, and its form as JSON."""

from dataclasses import dataclass, field
from typing import Any

from shared.quota.bias import BiasState
from shared.quota.freeze import FreezeState
from shared.quota.limits import Limits
from shared.quota.slot_counts import SlotCounts


@dataclass(slots=True)
class LedgerState:
    """Attributes:

    now_s: the latest time that was seen: time never runs backwards here.
    wide_guard: a guard that was larger before, and until when bookings made under it may count.
    """

    limits: Limits
    counts: SlotCounts
    now_s: float = 0.0
    freeze: FreezeState = field(default_factory=FreezeState)
    bias: BiasState = field(default_factory=BiasState)
    wide_guard: tuple[float, float] = (0.0, 0.0)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; under 12,000 characters at any quota."""
        return {
            "limits": self.limits.as_dict(),
            "counts": self.counts.as_dict(),
            "now_s": round(self.now_s, 3),
            "freeze": self.freeze.as_dict(),
            "bias": self.bias.as_dict(),
            "wide_guard": [round(value, 3) for value in self.wide_guard],
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "LedgerState":
        """Read what `as_dict` gave.

        Raises:
            ValueError, KeyError, TypeError, ConfigurationError: it isn't that.
        """
        guard_s, until_s = raw["wide_guard"]
        return cls(
            limits=Limits.from_dict(raw["limits"]),
            counts=SlotCounts.from_dict(raw["counts"]),
            now_s=float(raw["now_s"]),
            freeze=FreezeState.from_dict(raw["freeze"]),
            bias=BiasState.from_dict(raw["bias"]),
            wide_guard=(float(guard_s), float(until_s)),
        )
