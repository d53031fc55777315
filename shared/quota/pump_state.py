"""What the pump remembers from cycle to cycle, in a table row of its own."""

from dataclasses import dataclass, field
from typing import Any

from shared.quota.freeze import Freeze
from shared.quota.slow_start import SlowStart
from shared.quota.start_rate import StartRate

STATE_VERSION = 1
LATENESS_KEPT = 200
# Later than that isn't the delivery: no worker was up.
_LONGEST_LATENESS_S = 5.0


@dataclass(slots=True)
class PumpState:
    """Attributes:

    cycle: number of the next call to the counter; part of its id.
    fair: of the fair queue.
    slow_start, start_rate: what is known of the workers.
    lateness_s: of recent deliveries of scheduled messages.
    freeze: as the counter gave it last.
    large: of the first large jobs that weren't booked: since when they are passed over.
    reserved_s: when one of them was last reserved a start.
    """

    cycle: int = 0
    fair: dict[str, Any] = field(default_factory=dict)
    slow_start: SlowStart = field(default_factory=SlowStart)
    start_rate: StartRate = field(default_factory=StartRate)
    lateness_s: list[float] = field(default_factory=list)
    freeze: Freeze = field(default_factory=Freeze)
    large: dict[str, float] = field(default_factory=dict)
    reserved_s: float = -1e9

    def hear_lateness(self, lateness_s: list[float]) -> None:
        """Remember how late scheduled messages came."""
        heard = [round(max(0.0, late), 2) for late in lateness_s if late < _LONGEST_LATENESS_S]
        self.lateness_s = [*self.lateness_s, *heard][-LATENESS_KEPT:]

    def as_dict(self) -> dict[str, Any]:
        """As JSON values: under 24,000 characters as JSON text within JSON."""
        return {
            "version": STATE_VERSION,
            "cycle": self.cycle,
            "fair": self.fair,
            "slow_start": self.slow_start.as_list(),
            "start_rate": self.start_rate.as_list(),
            "lateness_s": self.lateness_s,
            "large": self.large,
            "reserved_s": self.reserved_s,
            "freeze": [self.freeze.epoch, self.freeze.until_s],
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any] | None) -> "PumpState":
        """Read what `as_dict` gave. What can't be read starts anew: cold, and fair from now on.

        The number of the cycle is kept where it can be: a number that was used before would get an old answer.
        """
        if raw is None:
            return cls()
        try:
            if raw["version"] != STATE_VERSION:
                raise ValueError("another version")
            epoch, until_s = raw["freeze"]
            return cls(
                int(raw["cycle"]),
                dict(raw["fair"]),
                SlowStart.from_list(raw["slow_start"]),
                StartRate.from_list(raw.get("start_rate")),
                [float(late) for late in raw["lateness_s"]],
                Freeze(int(epoch), float(until_s)),
                {str(key): float(since_s) for key, since_s in raw["large"].items()},
                float(raw["reserved_s"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            cycle = raw.get("cycle") if isinstance(raw, dict) else None
            return cls(cycle=cycle if isinstance(cycle, int) else 0)
