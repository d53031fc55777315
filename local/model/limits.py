"""Token and request limits of one deployment, as Azure OpenAI enforces them. Pure: the clock is an argument.

Rules, each with a switch where sources conflict:

- A call's tokens are charged when it arrives, by estimate: prompt tokens + max_tokens * number of choices (Microsoft,
  "Manage Azure OpenAI quota"), where a call without max_tokens counts as 1,024 (what Azure assumes isn't published).
  What the answer really used doesn't matter; `refund` gives the difference back.
- Tokens are counted over a rolling 60 s window (measured: clemenssiebler.com, 2024), or over fixed minutes whose phase
  no caller can know (Microsoft's page speaks of a counter that is "reset each minute").
- Requests are counted over a rolling 10 s window that holds a sixth of the requests per minute (measured, same source),
  or over 1 s. A window too short for a single request is lengthened to 60/rpm seconds.
- Rejected calls are free. With `count_rejected` they use up requests, as they do at OpenAI.
"""

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

TokenWindow = Literal["rolling", "fixed"]
MINUTE_S = 60.0
# What Azure names when a call could never be admitted because it alone exceeds the limit.
NEVER_S = 86_400.0
DEFAULT_MAX_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Attributes:

    tpm, rpm: tokens and requests per minute, at least 1.
    request_window_s: 10 or 1.
    charge_factor: the endpoint's estimate over an exact count; 1.1 charges 10 % more.
    enforced: False counts but rejects nothing.
    """

    tpm: int
    rpm: int
    token_window: TokenWindow = "rolling"  # noqa: S105 - not a password
    request_window_s: float = 10.0
    refund: bool = False
    count_rejected: bool = False
    charge_factor: float = 1.0
    enforced: bool = True

    @property
    def request_window_length_s(self) -> float:
        return max(self.request_window_s, MINUTE_S / self.rpm)

    @property
    def requests_per_window(self) -> int:
        # The small term undoes the rounding of, for example, 60/rpm*rpm/60.
        return int(self.rpm * self.request_window_length_s / MINUTE_S + 1e-9)

    def charge(self, prompt_tokens: int, max_tokens: int | None, choices: int = 1) -> int:
        """Tokens that a call is charged when it arrives."""
        most = DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens
        return math.ceil((prompt_tokens + most * choices) * self.charge_factor)


def default_rpm(model: str, tpm: int) -> int:
    """6 requests per 1,000 tokens; for o1 models 1 per 6,000 (Microsoft, "Manage Azure OpenAI quota")."""
    return max(1, tpm // 6000 if model.startswith("o1") else tpm * 6 // 1000)


@dataclass(slots=True)
class Entry:
    """Something counted."""

    at_s: float
    amount: int


class RollingWindow:
    """Counts what happened in the last `length_s` seconds; what happened exactly that long ago is out."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._entries: deque[Entry] = deque()
        self._used = 0

    def used(self, now_s: float) -> int:
        while self._entries and self._entries[0].at_s + self._length_s <= now_s:
            self._used -= self._entries.popleft().amount
        return self._used

    def add(self, now_s: float, amount: int) -> Entry:
        entry = Entry(now_s, amount)
        self._entries.append(entry)
        self._used += amount
        return entry

    def give_back(self, entry: Entry, amount: int, now_s: float) -> None:
        self.used(now_s)
        if self._entries and entry.at_s >= self._entries[0].at_s:
            entry.amount -= amount
            self._used -= amount

    def wait_s(self, now_s: float, amount: int, limit: int) -> float:
        """Seconds until `amount` more fit under the limit; 0 if they do now; NEVER_S if they never will."""
        if amount > limit:
            return NEVER_S
        excess = self.used(now_s) + amount - limit
        for entry in self._entries:
            if excess <= 0:
                break
            excess -= entry.amount
            wait = entry.at_s + self._length_s - now_s
            if excess <= 0:
                return wait
        return 0.0


class FixedWindow:
    """Counts by minutes that all begin at the same, hidden second.

    Args:
        phase_s: 0..60, when its minutes begin.
    """

    def __init__(self, length_s: float, phase_s: float) -> None:
        self._length_s = length_s
        self._phase_s = phase_s
        self._minute = -1
        self._used = 0

    def used(self, now_s: float) -> int:
        minute = self._minute_of(now_s)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        return self._used

    def add(self, now_s: float, amount: int) -> Entry:
        self.used(now_s)
        self._used += amount
        return Entry(now_s, amount)

    def give_back(self, entry: Entry, amount: int, now_s: float) -> None:
        self.used(now_s)
        if self._minute_of(entry.at_s) == self._minute:
            entry.amount -= amount
            self._used -= amount

    def wait_s(self, now_s: float, amount: int, limit: int) -> float:
        """See RollingWindow."""
        if amount > limit:
            return NEVER_S
        if self.used(now_s) + amount <= limit:
            return 0.0
        return (self._minute + 1) * self._length_s + self._phase_s - now_s

    def _minute_of(self, at_s: float) -> int:
        return math.floor((at_s - self._phase_s) / self._length_s)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the limiter says of one call.

    Attributes:
        exceeded: which limit is used up, or None when the call is admitted.
        retry_after_s: when to come back; 0 when admitted.
        remaining_tokens, remaining_requests: after this call; requests of the current request window (measured: a
            deployment with 120 requests per minute answers 19 after the first call).
        entry: what was charged, for `settle`.
    """

    limits: Limits
    exceeded: Literal["token", "call"] | None
    retry_after_s: float
    remaining_tokens: int
    remaining_requests: int
    entry: Entry | None = None


class Limiter:
    """Admits or rejects the calls of one deployment.

    Args:
        phase_s: 0..60, when fixed minutes begin.
    """

    def __init__(self, limits: Limits, phase_s: float = 0.0) -> None:
        self.limits = limits
        self._phase_s = phase_s
        self._tokens = self._token_window()
        self._requests = RollingWindow(limits.request_window_length_s)

    def change(self, limits: Limits) -> None:
        """Set other limits. What was counted stays counted, unless the kind or length of its window changes."""
        old, self.limits = self.limits, limits
        if old.token_window != limits.token_window:
            self._tokens = self._token_window()
        if old.request_window_length_s != limits.request_window_length_s:
            self._requests = RollingWindow(limits.request_window_length_s)

    def reset(self) -> None:
        """Forget what was counted."""
        self._tokens = self._token_window()
        self._requests = RollingWindow(self.limits.request_window_length_s)

    def admit(self, now_s: float, tokens: int) -> Decision:
        """Decide on a call and count it.

        Args:
            now_s: a monotonic clock.
            tokens: its charge; 0 for calls that only count as requests.
        """
        limits = self.limits
        token_wait = self._tokens.wait_s(now_s, tokens, limits.tpm) if tokens else 0.0
        request_wait = self._requests.wait_s(now_s, 1, limits.requests_per_window)
        entry: Entry | None = None
        admitted = not limits.enforced or max(token_wait, request_wait) <= 0
        if admitted:
            entry = self._tokens.add(now_s, tokens)
        if admitted or limits.count_rejected:
            self._requests.add(now_s, 1)
        decision = self.state(now_s)
        if admitted:
            return replace(decision, entry=entry)
        exceeded: Literal["token", "call"] = "token" if token_wait >= request_wait else "call"
        return replace(decision, exceeded=exceeded, retry_after_s=max(token_wait, request_wait))

    def settle(self, now_s: float, entry: Entry | None, billed: int) -> None:
        """Tell what an admitted call really used. Gives the rest back where `refund` is set."""
        if self.limits.refund and entry is not None and billed < entry.amount:
            self._tokens.give_back(entry, entry.amount - billed, now_s)

    def state(self, now_s: float) -> Decision:
        """What remains now."""
        limits = self.limits
        return Decision(
            limits=limits,
            exceeded=None,
            retry_after_s=0.0,
            remaining_tokens=max(0, limits.tpm - self._tokens.used(now_s)),
            remaining_requests=max(0, limits.requests_per_window - self._requests.used(now_s)),
        )

    def _token_window(self) -> RollingWindow | FixedWindow:
        if self.limits.token_window == "fixed":  # noqa: S105 - not a password
            return FixedWindow(MINUTE_S, self._phase_s)
        return RollingWindow(MINUTE_S)
