"""Which numbers a JSON schema allows, and the nearest one to a wish."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Attributes:

    low, high: inclusive; infinite where the schema sets no bound.
    """

    low: float
    high: float
    step: float | None
    integer: bool

    @classmethod
    def of(cls, schema: Mapping[str, Any], *, integer: bool) -> Self:
        """Read minimum, maximum, exclusiveMinimum, exclusiveMaximum and multipleOf."""
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if (bound := schema.get("exclusiveMinimum")) is not None:
            low = max(low, math.floor(bound) + 1 if integer else math.nextafter(bound, math.inf))
        if (bound := schema.get("exclusiveMaximum")) is not None:
            high = min(high, math.ceil(bound) - 1 if integer else math.nextafter(bound, -math.inf))
        return cls(low, high, schema.get("multipleOf"), integer)

    @property
    def bounded(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)

    def scaled(self, share: float) -> float:
        """The number that lies at this share (0..1) of a bounded range."""
        return self.low + share * (self.high - self.low)

    def fit(self, wish: float) -> int | float:
        """The allowed number nearest to a wish, rounded to 2 decimals where that is allowed.

        A range without any allowed number gives its lower end.
        """
        step = self.step or (1 if self.integer else None)
        if step is None:
            return min(max(round(wish, 2), self.low), self.high)
        first = math.ceil(self.low / step) if math.isfinite(self.low) else -math.inf
        last = math.floor(self.high / step) if math.isfinite(self.high) else math.inf
        number = step * max(min(round(wish / step), last), first)
        return int(number) if self.integer else number
