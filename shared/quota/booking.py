"""Permission for one call."""

from dataclasses import dataclass

from shared.quota.limits import slot_at


@dataclass(frozen=True, slots=True)
class Booking:
    """Permission for one call.

    Attributes:
        start_s: earliest time of sending; a multiple of 0.25 s.
        tokens: as estimated.
        epoch: of the freeze when it was made; after the next 429 it is void.
    """

    start_s: float
    tokens: int
    epoch: int

    @property
    def slot(self) -> int:
        return slot_at(self.start_s)
