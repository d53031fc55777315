"""The booking ledger: who may start when, so that no trailing window exceeds its limit. Pure: time is an argument.

Every booking gets the earliest start such that no 60 s window exceeds the tokens per minute over the learnt bias, and
no request window its share of the requests per minute, wherever these windows begin: rolling windows hold, and so fixed
minutes hold at any phase. A start counts from its slot on for 60 s and the guard, since its call may be sent up to the
tolerance later; once it is known when it was sent, `settle` narrows that to 60 s and a tenth of a second either way.

Small bookings fill the gaps that wait for a large one (backfill). So that they don't push it off for ever, a call may
be reserved a start beyond the horizon. That costs: what becomes free until then can't be used, since whatever starts
meanwhile would still count. So it is for calls that were passed over for long.

The rule holds for calls sent from their start to `tolerance_s` after it, by the server's clock.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from shared.quota.bias import BiasState
from shared.quota.booking import Booking
from shared.quota.freeze import Freeze
from shared.quota.ledger_state import LedgerState
from shared.quota.limits import (
    MINUTE_S,
    MINUTE_SLOTS,
    SENT_EARLY_S,
    SENT_LATE_S,
    SLOT_S,
    Limits,
    slot_at,
    slot_from,
    slots_for,
)
from shared.quota.slot_counts import SlotCounts
from shared.quota.windows import TrailingWindow, earliest_start

PACE_WINDOW_S = 15.0
HORIZON_S = 14.0
MAX_HORIZON_S = 15.0
_HISTORY_S = 95.0
_MAX_JUMP_BACK_S = 120.0
_RECALL_S = 2.0
_OVERBOOKED = 1.01
# A booking made now counts no longer: the horizon, waits for whole windows, its own window; widened by 429s.
_LONGEST_LIFE_S = MAX_HORIZON_S + 2 * (MINUTE_S + 5.0)


class Ledger:
    """Works on a state, which it changes, at one point in time.

    Args:
        now_s: the server's clock. A clock that jumped back stands still; by over two minutes, and the time before it
            can't be trusted: the ledger starts anew as after `assume_used`.

    Attributes:
        visits: slots looked at by searches, for tests of the cost.
    """

    def __init__(self, state: LedgerState, now_s: float) -> None:
        self.state = state
        self.now_s = now_s
        if now_s < state.now_s - _MAX_JUMP_BACK_S:
            state.freeze.freeze = Freeze(state.freeze.freeze.epoch, 0.0)
            state.freeze.begin_epoch(0)
            state.freeze.widened_at_s = state.now_s = now_s
            state.counts, state.wide_guard = SlotCounts(slot_at(now_s - _HISTORY_S)), (0.0, 0.0)
            state.bias = BiasState()
            self.assume_used()
        self.now_s = state.now_s = max(state.now_s, now_s)
        state.counts.expire(slot_at(self.now_s - _HISTORY_S))
        self._windows: tuple[TrailingWindow, TrailingWindow, TrailingWindow] | None = None
        self._visits = 0

    @classmethod
    def new(cls, limits: Limits, now_s: float) -> "Ledger":
        """A ledger in which nothing is booked."""
        return cls(LedgerState(limits, SlotCounts(slot_at(now_s - _HISTORY_S)), now_s), now_s)

    @property
    def visits(self) -> int:
        return self._visits + sum(window.visits for window in self._windows or ())

    @property
    def bias(self) -> float:
        """How much more the endpoint counts than we do."""
        return self.state.bias.factor(self.now_s)

    @property
    def freeze(self) -> Freeze:
        """What workers must know of the 429s so far."""
        return self.state.freeze.freeze

    @property
    def capacity(self) -> int:
        """Tokens that any 60 s may hold, by our estimates."""
        return max(1, int(self.state.limits.tpm / self.bias))

    def assume_used(self, until_s: float | None = None) -> None:
        """Start with the caution of a ledger that lost its memory: nothing for a whole window, or until then."""
        freeze = self.state.freeze
        until_s = self.now_s + MINUTE_S + self.guard_s if until_s is None else until_s
        freeze.freeze = replace(freeze.freeze, until_s=max(freeze.freeze.until_s, until_s))

    def configure(self, limits: Limits) -> None:
        """Change the limits. Lower ones bind new bookings at once; those that are made stay."""
        if limits.guard_s < self.guard_s:
            self.state.wide_guard = (self.guard_s, self.now_s + _LONGEST_LIFE_S + 2 * self.guard_s)
        self.state.limits = limits
        self._forget_windows()

    def book(
        self,
        amounts: Sequence[int],
        *,
        reserved: int | None = None,
        delay_s: float = 0.0,
        horizon_s: float = HORIZON_S,
        spacing_s: float = 0.0,
    ) -> list[Booking | None]:
        """Book calls, each at the earliest start that is left by those before it.

        Args:
            amounts: tokens of each, from 1 to the limit.
            reserved: position of a call that goes first, may lie beyond the horizon, and needn't keep the pace.
            delay_s, horizon_s: nothing starts earlier or later than this from now; at most 15 s later.
            spacing_s: each starts so much later at the earliest than the one before it.

        Returns:
            For each its booking; None for what doesn't fit in.
        """
        begin_s, thaw = self.now_s + delay_s, slot_from(self.freeze.until_s)
        last = slot_at(self.now_s + min(horizon_s, MAX_HORIZON_S))
        found: list[Booking | None] = [None] * len(amounts)
        if reserved is not None:
            slot = self._earliest(amounts[reserved], max(slot_from(begin_s), thaw), None, paced=False)
            assert slot is not None  # noqa: S101 - without an end there always is one
            found[reserved] = self._take(slot, amounts[reserved])
        too_many = math.inf  # so many tokens or more found no place
        for number, tokens in enumerate(amounts):
            if found[number] is not None or tokens >= too_many:
                continue
            slot = self._earliest(tokens, max(slot_from(begin_s + number * spacing_s), thaw), last)
            if slot is None:
                too_many = tokens
            else:
                found[number] = self._take(slot, tokens)
        return found

    def lock(self, tokens: int) -> Booking | None:
        """Book a call that starts now, or not at all. Locks needn't keep the pace."""
        now = slot_at(self.now_s)
        fits = self.freeze.until_s <= self.now_s and self._earliest(tokens, now, now, paced=False) == now
        return self._take(now, tokens) if fits else None

    def next_free_s(self, tokens: int = 1, *, delay_s: float = 0.0, paced: bool = True) -> float:
        """When so many tokens could start at the earliest. Books nothing."""
        first = max(slot_at(self.now_s + delay_s), slot_from(self.freeze.until_s))
        slot = self._earliest(tokens, first, None, paced=paced)
        assert slot is not None  # noqa: S101 - without an end there always is one
        return max(self.now_s, slot * SLOT_S)

    def release(self, booking: Booking) -> bool:
        """Give back a booking that was not used.

        Returns:
            False where it isn't in the ledger any more.
        """
        if self.state.freeze.is_void(booking.epoch, booking.slot):
            return False
        self._forget_windows()
        return self.state.counts.unbook(booking.slot, booking.tokens)

    def settle(self, booking: Booking, sent_s: float) -> None:
        """Replace a booking by the time when its call was sent.

        Args:
            sent_s: by the server's clock. A time that can't be true leaves the booking as it is.
        """
        if not booking.start_s - 1 <= sent_s <= min(self.now_s + 1, booking.start_s + MINUTE_S):
            return
        self.release(booking)
        self._forget_windows()
        self.state.counts.send(slot_at(sent_s - SENT_EARLY_S), booking.tokens)

    def observe(self, sent_s: float, tokens: int, remaining_tokens: int) -> None:
        """Learn from what the endpoint said remains, after the call of so many tokens that was sent then."""
        state = self.state
        state.bias.observe(state.counts, state.limits.tpm, sent_s, tokens, remaining_tokens, self.now_s)
        self._forget_windows()

    def throttled(
        self, retry_after_s: object, booking_epoch: int | None = None, sent: tuple[float, int] | None = None
    ) -> None:
        """The endpoint answered 429: stop, void what is booked, and keep more distance.

        Args:
            retry_after_s: as it came, sane or not.
            booking_epoch: of the call, where it was booked.
            sent: time and tokens of the call, where tokens were the reason.
        """
        state = self.state
        if sent is not None and (booking_epoch is None or booking_epoch >= self.freeze.epoch):
            state.bias.rejected(state.counts, state.limits.tpm, *sent, self.now_s)
        void_from = state.freeze.throttled(booking_epoch, retry_after_s, self.now_s)
        if void_from is not None:
            state.counts.drop_bookings(void_from)
        self._forget_windows()

    def recall(self) -> bool:
        """Void what is booked ahead where it is more than the windows hold now.

        The limits were lowered, or it was learnt that the endpoint counts more. Workers learn of it as of a 429, by the
        epoch; so what starts within two seconds stays.

        Returns:
            Whether anything was voided.
        """
        counts, capacity = self.state.counts, self.capacity
        soon = slot_from(self.now_s + _RECALL_S)
        ahead = counts.booked_tokens[max(0, soon - counts.first) :]
        first = next((soon + index for index, tokens in enumerate(ahead) if tokens), None)
        minute = self._open_windows()[0]
        if first is None or minute.last_over(_OVERBOOKED * capacity, first, minute.end) is None:
            return False
        self.state.freeze.begin_epoch(soon)
        counts.drop_bookings(soon)
        self._forget_windows()
        return True

    def used(self) -> int:
        """Tokens sent, or booked to be sent, in the last 60 s."""
        counts, now = self.state.counts, slot_at(self.now_s) + 1
        part = slice(max(0, now - MINUTE_SLOTS - counts.first), max(0, now - counts.first))
        return sum(counts.booked_tokens[part]) + sum(counts.sent_tokens[part])

    def booked_ahead(self) -> int:
        """Tokens of the bookings that start from now on."""
        counts = self.state.counts
        return sum(counts.booked_tokens[max(0, slot_from(self.now_s) - counts.first) :])

    def reset_s(self) -> float:
        """Seconds until the whole quota is free, if nothing more is booked."""
        minute = self._open_windows()[0]
        last = minute.last_over(0, slot_at(self.now_s), minute.end)
        free_s = self.freeze.until_s if last is None else (last + 1) * SLOT_S
        return max(0.0, round(free_s - self.now_s, 3))

    @property
    def guard_s(self) -> float:
        """By how much the windows are longer now than the endpoint's."""
        limits, (wide_s, until_s) = self.state.limits, self.state.wide_guard
        guard_s = max(limits.guard_s, wide_s if self.now_s < until_s else 0.0)
        return guard_s + self.state.freeze.extra_s(self.now_s)

    def _earliest(self, tokens: int, first: int, last: int | None, *, paced: bool = True) -> int | None:
        minute, requests, pace = self._open_windows()
        amount = min(tokens, int(minute.limit))
        demands = [(minute, amount), (requests, 1)]
        room = [minute.limit - amount, requests.limit - 1]
        if paced and self.state.limits.pace:
            demands.append((pace, amount))
            # What alone exceeds the pace waits until nothing else is in it.
            room.append(pace.limit - min(amount, pace.limit))
        return earliest_start(demands, first, last, room)

    def _take(self, slot: int, tokens: int) -> Booking:
        self.state.counts.book(slot, tokens)
        minute, requests, pace = self._open_windows()
        minute.take(slot, tokens)
        requests.take(slot, 1)
        pace.take(slot, tokens)
        return Booking(slot * SLOT_S, tokens, self.freeze.epoch)

    def _open_windows(self) -> tuple[TrailingWindow, TrailingWindow, TrailingWindow]:
        """Of tokens, requests and pace; all that is booked or sent is in them."""
        if self._windows is not None:
            return self._windows
        state, origin = self.state, slot_at(self.now_s)
        limits, counts = state.limits, state.counts
        extra_s = state.freeze.extra_s(self.now_s)
        # A sending time within a slot and 0.1 s either way reach over at most one slot more than their own.
        sent_s = SENT_EARLY_S + SENT_LATE_S + SLOT_S + extra_s

        def window(length_s: float, limit: int, booked: list[int], sent: list[int]) -> TrailingWindow:
            span = slots_for(length_s + self.guard_s)
            parts = [(booked, counts.first, span), (sent, counts.first, slots_for(length_s + sent_s))]
            return TrailingWindow(origin, span, limit, parts)

        pace_span = slots_for(PACE_WINDOW_S)
        paced = [(row, counts.first, pace_span) for row in (counts.booked_tokens, counts.sent_tokens)]
        self._windows = (
            window(MINUTE_S, self.capacity, counts.booked_tokens, counts.sent_tokens),
            window(limits.request_window_length_s, limits.requests_per_window, counts.booked_calls, counts.sent_calls),
            TrailingWindow(origin, pace_span, limits.pace * self.capacity * PACE_WINDOW_S / MINUTE_S, paced),
        )
        return self._windows

    def _forget_windows(self) -> None:
        self._visits = self.visits
        self._windows = None
