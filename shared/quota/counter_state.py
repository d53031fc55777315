"""What the token counter keeps: a ledger, recent operations, open locks. Reading it never fails."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.errors import SluiceError
from shared.quota.booking import Booking
from shared.quota.ledger import Ledger
from shared.quota.ledger_state import LedgerState
from shared.quota.limits import MINUTE_S, SLOT_S, Limits
from shared.quota.operation_log import OperationLog

STATE_VERSION = 1
MAX_OPEN_LOCKS = 64
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, SluiceError)
_LONGEST_GUARD_S = 15.0


@dataclass(slots=True)
class CounterState:
    """Attributes:

    ledger: None until limits are known.
    locks: of those open, by request id.
    asked_limits: what `book` and `lock` gave last, so that limits set by `configure` stay until the settings change.
    not_before_s: with no ledger yet: when the quota may be used again after memory was lost.
    usage: calls, prompt tokens, completion tokens, in all.
    """

    ledger: LedgerState | None = None
    log: OperationLog = field(default_factory=OperationLog)
    locks: dict[str, Booking] = field(default_factory=dict)
    asked_limits: dict[str, Any] | None = None
    not_before_s: float = 0.0
    usage: list[int] = field(default_factory=lambda: [0, 0, 0])

    @classmethod
    def read(cls, raw: object, now_s: float) -> "CounterState":
        """Read a state. None is a new counter.

        A state that can't be read, or of another version, becomes a new one that takes the quota as used for a whole
        window; limits are kept where they can be found.
        """
        if raw is None:
            return cls()
        try:
            return cls._read(raw)
        except _UNREADABLE:
            state = cls(not_before_s=now_s + MINUTE_S + _LONGEST_GUARD_S)
            try:
                assert isinstance(raw, Mapping)  # noqa: S101 - caught below
                state.open_ledger(Limits.from_dict(raw["ledger"]["limits"]), now_s)
            except (*_UNREADABLE, AssertionError):
                pass
            return state

    @classmethod
    def _read(cls, raw: Any) -> "CounterState":
        if raw["version"] != STATE_VERSION:
            raise ValueError("another version")
        locks = {
            str(key): Booking(int(slot) * SLOT_S, int(tokens), int(epoch))
            for key, (slot, tokens, epoch) in raw["locks"].items()
        }
        not_before_s = float(raw["not_before_s"])
        ledger = None if raw["ledger"] is None else LedgerState.from_dict(raw["ledger"])
        if not math.isfinite(not_before_s) or not math.isfinite(ledger.now_s if ledger else 0.0):
            raise ValueError("no such time")
        calls, prompt_tokens, completion_tokens = raw["usage"]
        return cls(
            ledger=ledger,
            log=OperationLog(raw["operations"]),
            locks=locks,
            asked_limits=None if raw["asked_limits"] is None else dict(raw["asked_limits"]),
            not_before_s=not_before_s,
            usage=[int(calls), int(prompt_tokens), int(completion_tokens)],
        )

    def open_ledger(self, limits: Limits, now_s: float) -> Ledger:
        """Make the ledger, now that limits are known."""
        ledger = Ledger.new(limits, now_s)
        if self.not_before_s > ledger.now_s:
            ledger.assume_used(self.not_before_s)
        self.ledger = ledger.state
        return ledger

    def keep_lock(self, request_id: str, booking: Booking) -> None:
        """Remember a lock. Of too many the oldest are forgotten: they stay booked but can't be given back."""
        self.locks[request_id] = booking
        while len(self.locks) > MAX_OPEN_LOCKS:
            del self.locks[next(iter(self.locks))]

    def expire_locks(self, now_s: float) -> None:
        """Forget the locks whose bookings don't count any more."""
        gone = now_s - MINUTE_S - _LONGEST_GUARD_S
        self.locks = {key: booking for key, booking in self.locks.items() if booking.start_s > gone}

    def as_dict(self) -> dict[str, Any]:
        """As JSON values: under 24,000 characters as JSON text within JSON, at any quota."""
        return {
            "version": STATE_VERSION,
            "ledger": None if self.ledger is None else self.ledger.as_dict(),
            "operations": self.log.as_list(),
            "locks": {key: [b.slot, b.tokens, b.epoch] for key, b in self.locks.items()},
            "asked_limits": self.asked_limits,
            "not_before_s": self.not_before_s,
            "usage": self.usage,
        }
