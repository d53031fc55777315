"""What a deployment may use, and how it is shared out: the settings of a ledger."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.errors import ConfigurationError

SLOT_S = 0.25
"""Width of a time slot. 0.5 s rounds the window up too far; narrower ones cost state and time."""

MINUTE_S = 60.0
MINUTE_SLOTS = 240
DELIVERY_S = 0.15
"""Part of the guard that is kept for the way from the worker to the endpoint (30-80 ms, and a busy event loop)."""

SENT_EARLY_S = SENT_LATE_S = 0.1
"""How far the noted time of sending may be from when the endpoint got the call."""

MIN_GUARD_S = SLOT_S + DELIVERY_S
"""A lock is given in the midst of a slot, which it counts from; with less its call may leave after the tolerance."""

# Numbers of one slot must stay short in the state; 1e9 tokens a minute is 30 times the largest quota known.
MAX_TPM = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The quota of one deployment that is reserved to this application.

    Attributes:
        tpm: tokens per minute, by the endpoint's estimate, over any 60 s.
        rpm: requests per minute; counted over `request_window_s`.
        request_window_s: 10 (measured: clemenssiebler.com, 2024) or 1 (Microsoft: "evaluated over 1 or 10 seconds").
        guard_s: what is added to both windows, because a call is sent up to `tolerance_s` after its start. Settling
            takes it back for the token window; a deployment that is bound by its requests uses at most
            window/(window + guard) of them.
        pace: bookings within any 15 s are at most this multiple of the average rate, so that those who come later
            find room; 0 for no pace.

    Raises:
        ConfigurationError: a value is out of its bounds.
    """

    tpm: int
    rpm: int
    request_window_s: float = 10.0
    guard_s: float = 2.15
    pace: float = 1.3

    def __post_init__(self) -> None:
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ConfigurationError(f"{name} must be a number from {low:g} to {high:g}.", field=name)
        for name in ("tpm", "rpm"):
            if not isinstance(getattr(self, name), int):
                raise ConfigurationError(f"{name} must be a whole number.", field=name)
        if 0 < self.pace < 1:
            raise ConfigurationError("pace must be at least 1, or 0 for none.", field="pace")

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], base: Self | None = None) -> Self:
        """Read limits; what is missing is taken from `base`.

        Raises:
            ConfigurationError: a value is missing, unknown or out of its bounds.
        """
        values = base.as_dict() if base is not None else {}
        unknown = sorted(set(raw) - _NAMES)
        if unknown:
            raise ConfigurationError(f"Unknown limit {str(unknown[0])[:40]!r}.", field=str(unknown[0])[:40])
        values |= raw
        for name in ("tpm", "rpm"):
            if name not in values:
                raise ConfigurationError(f"The limit {name} is missing.", field=name)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name, _, _ in _BOUNDS}

    @property
    def tolerance_s(self) -> float:
        """How long after its start a booked call may still be sent."""
        return self.guard_s - DELIVERY_S

    @property
    def request_window_length_s(self) -> float:
        """The request window, lengthened where it couldn't hold a single request."""
        return max(float(self.request_window_s), MINUTE_S / self.rpm)

    @property
    def requests_per_window(self) -> int:
        # The small term undoes the rounding of, for example, 60/rpm*rpm/60.
        return max(1, int(self.rpm * self.request_window_length_s / MINUTE_S + 1e-9))


_BOUNDS = (
    ("tpm", 1, MAX_TPM),
    ("rpm", 1, 10_000_000),
    ("request_window_s", 1, 60),
    ("guard_s", MIN_GUARD_S, 10),
    ("pace", 0, 60),
)
_NAMES = {name for name, _, _ in _BOUNDS}


def slot_at(at_s: float) -> int:
    """The slot that holds this second."""
    return math.floor(at_s / SLOT_S)


def slot_from(at_s: float) -> int:
    """The first slot that begins no earlier."""
    return math.ceil(at_s / SLOT_S)


def slots_for(length_s: float) -> int:
    """How many slots cover a stretch that begins with a slot."""
    return math.ceil(length_s / SLOT_S - 1e-9)
