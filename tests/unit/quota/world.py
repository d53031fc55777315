"""A world for the ledger's properties: workers that send, an endpoint that counts with a real clock."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from shared.quota.booking import Booking
from shared.quota.ledger import Ledger
from shared.quota.limits import Limits

START_S = 1_790_000_000.0
_EXACT_S = 1e-6  # seconds since 1970 are exact to less


@dataclass
class Call:
    """A booked call: when its worker sends it, when it arrives, and what the ledger heard of it."""

    booking: Booking
    sent_s: float
    arrived_s: float
    lost: bool
    settled: bool = False
    released: bool = False


@dataclass
class World:
    """Drives one ledger, its state carried from operation to operation as the counter does."""

    limits: Limits
    now_s: float = START_S
    calls: list[Call] = field(default_factory=list)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger.new(self.limits, self.now_s)

    def step(self, dt_s: float) -> None:
        self.now_s += dt_s
        self.ledger = Ledger(self.ledger.state, self.now_s)

    def book(self, amounts: list[int], fates: list[tuple[float, float, bool]]) -> None:
        for number, booking in enumerate(self.ledger.book(amounts)):
            if booking is not None:
                self._schedule(booking, fates[number % len(fates)])

    def lock(self, tokens: int, fate: tuple[float, float, bool]) -> None:
        booking = self.ledger.lock(tokens)
        if booking is not None:
            late, delivery, lost = fate
            # The holder may use it until the tolerance of its slot is over.
            until_s = booking.start_s + self.limits.tolerance_s
            sent_s = self.now_s + late * max(0.0, until_s - self.now_s)
            self.calls.append(Call(booking, sent_s, sent_s + delivery, lost))

    def _schedule(self, booking: Booking, fate: tuple[float, float, bool]) -> None:
        late, delivery, lost = fate
        sent_s = booking.start_s + late * self.limits.tolerance_s
        self.calls.append(Call(booking, sent_s, sent_s + delivery, lost))

    def hear(self, share: int) -> None:
        """Every `share`-th call that is over is settled or given back."""
        for number, call in enumerate(self.calls):
            if call.settled or call.released or call.sent_s > self.now_s or number % share:
                continue
            if call.lost:
                self.ledger.release(call.booking)
                call.released = True
            else:
                self.ledger.settle(call.booking, call.sent_s + 0.05)  # what the worker notes is off by that
                call.settled = True

    def throttle(self, retry_after_s: object, epoch: int) -> None:
        self.ledger.throttled(retry_after_s, epoch)
        freeze = self.ledger.freeze
        for call in self.calls:
            known = call.sent_s > self.now_s
            if known and (call.booking.epoch < freeze.epoch or call.booking.start_s < freeze.until_s):
                call.lost = True

    def arrivals(self, since_s: float = 0.0) -> list[tuple[float, int]]:
        return sorted((c.arrived_s, c.booking.tokens) for c in self.calls if not c.lost and c.arrived_s >= since_s)


def most_in_any_window(arrivals: list[tuple[float, int]], length_s: float) -> tuple[int, int]:
    """The most tokens and calls that any window of this length holds; it is reached where a call arrives."""
    most_tokens = most_calls = tokens = first = 0
    for last, (at_s, amount) in enumerate(arrivals):
        tokens += amount
        while arrivals[first][0] <= at_s - length_s + _EXACT_S:
            tokens -= arrivals[first][1]
            first += 1
        most_tokens = max(most_tokens, tokens)
        most_calls = max(most_calls, last - first + 1)
    return most_tokens, most_calls


limits = st.builds(
    Limits,
    tpm=st.integers(100, 100_000),
    rpm=st.integers(1, 600),
    request_window_s=st.sampled_from([1.0, 10.0]),
    guard_s=st.sampled_from([0.4, 1.25, 2.15]),
    pace=st.sampled_from([0.0, 1.2]),
)
_lateness = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)
_delivery = st.sampled_from([0.0, 0.15]) | st.floats(0, 0.15)
_lost = st.sampled_from([False, False, False, True])
fates = st.lists(st.tuples(_lateness, _delivery, _lost), min_size=1, max_size=5)
steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 5.0, 30.0]) | st.floats(0, 20),
        st.sampled_from(["book", "book", "book", "hear", "hear", "lock", "throttle"]),
        st.lists(st.sampled_from([0.1, 1.0]) | st.floats(0, 1), min_size=1, max_size=25),
    ),
    min_size=1,
    max_size=40,
)


def drive(world: World, steps: list[tuple[float, str, list[float]]], fates: list[tuple[float, float, bool]]) -> None:
    """Run the steps; the numbers of a step become shares of the limit."""
    for dt_s, operation, shares in steps:
        world.step(dt_s)
        amounts = [max(1, int(share**3 * world.limits.tpm)) for share in shares]
        if operation == "book":
            world.book(amounts, fates)
        elif operation == "lock":
            world.lock(amounts[0], fates[0])
        elif operation == "hear":
            world.hear(1 + len(shares) % 3)
        else:
            world.throttle(shares[0] * 10, world.ledger.freeze.epoch - len(shares) % 2)
