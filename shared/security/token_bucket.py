"""How much of a rate somebody has left: pure arithmetic, in the terms of token buckets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds. As many may come at once; they fill up again evenly.

    Attributes:
        limit: at least 1.
        window_s: above 0.
    """

    limit: int
    window_s: float

    def after(self, count: float) -> float:
        """Seconds until so many requests are free again."""
        return count * self.window_s / self.limit


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was left at a time.

    Attributes:
        left: requests.
        at_s: seconds since 1970.
    """

    left: float
    at_s: float

    @classmethod
    def full(cls, rate: Rate, now_s: float) -> "Bucket":
        """Of somebody who has asked for nothing yet."""
        return cls(float(rate.limit), now_s)

    def at(self, rate: Rate, now_s: float) -> "Bucket":
        """What is left now. A clock that is behind the one that wrote this adds nothing."""
        passed_s = max(0.0, now_s - self.at_s)
        left = self.left + passed_s * rate.limit / rate.window_s
        return Bucket(min(float(rate.limit), left), max(self.at_s, now_s))

    def take(self, most: int) -> tuple[int, "Bucket"]:
        """Take up to so many. Returns how many, and what is left then."""
        taken = max(0, min(most, int(self.left)))
        return taken, Bucket(self.left - taken, self.at_s)
