"""Limits how often each caller may ask, over all instances of the app together."""

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.errors import StorageError
from shared.security.bucket_rows import BucketRows, KeptBucket
from shared.security.token_bucket import Bucket, Rate
from shared.telemetry.events import log_event

_TRIES = 10
_PAUSE_S = 0.005
_SHARE = 50  # of the limit is the most that one process takes at a time
_BUSY_S = 1.0
_KEEP_S = 5.0
_MOST_CALLERS = 10_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """Whether a request may go on.

    Attributes:
        limit: requests in `window_s` seconds.
        remaining: how many are left, as far as this process knows.
        reset_s: seconds until all are free again.
        retry_after_s: seconds until the next is free; 0 where this one is allowed.
    """

    allowed: bool
    limit: int
    window_s: float
    remaining: int
    reset_s: float
    retry_after_s: float


@dataclass(slots=True)
class _Entry:
    """What this process knows of a caller, and has taken for them."""

    kept: KeptBucket | None = None
    taken: int = 0
    taken_at_s: float = float("-inf")
    step: int = 1
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimitCache:
    """Counts requests.

    A process takes several requests at a time from the shared row while somebody asks often, so that not each costs a
    round trip: up to 2 % of the limit, and what isn't used within 5 s is lost. So a caller gets the limit at most, and
    somewhat less where many instances serve them. While storage is away, or the row changes so often that ten tries
    don't get through, a process counts by itself.

    Args:
        now_s: seconds since 1970.
    """

    def __init__(self, rows: BucketRows, now_s: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._now_s = now_s
        self._entries: dict[str, _Entry] = {}

    async def check_rate_limit(self, key: str, limit: int, window_seconds: float) -> RateLimitResult:
        """Count one request.

        Args:
            key: of the caller, such as "user:123".
            limit: requests that are allowed in the window, and at once.
        """
        rate = Rate(limit, window_seconds)
        row = hashlib.sha256(key.encode()).hexdigest()[:32]
        entry = self._entry(row)
        allowed = self._use(entry)
        if not allowed:
            async with entry.turn:
                # Somebody who waited here, too, may have taken enough for both.
                allowed = self._use(entry)
                if not allowed:
                    await self._take(entry, row, rate)
                    allowed = self._use(entry)
        return self._result(entry, rate, allowed=allowed)

    def _entry(self, row: str) -> _Entry:
        if row not in self._entries and len(self._entries) >= _MOST_CALLERS:
            self._entries.clear()
        return self._entries.setdefault(row, _Entry())

    def _use(self, entry: _Entry) -> bool:
        if entry.taken == 0 or self._now_s() - entry.taken_at_s > _KEEP_S:
            return False
        entry.taken -= 1
        return True

    async def _take(self, entry: _Entry, row: str, rate: Rate) -> None:
        now_s = self._now_s()
        busy = now_s - entry.taken_at_s < _BUSY_S
        entry.step = min(2 * entry.step, max(1, rate.limit // _SHARE)) if busy else 1
        entry.taken = 0
        await self._take_some(entry, row, rate)
        entry.taken_at_s = self._now_s()  # storage may have been slow: what has just been taken is fresh

    async def _take_some(self, entry: _Entry, row: str, rate: Rate) -> None:
        try:
            for tried in range(_TRIES):
                if await self._take_from_row(entry, row, rate):
                    return
                await asyncio.sleep(random.uniform(0, _PAUSE_S * (tried + 1)))
            log_event(logger, "rate_limit_contended", level=logging.WARNING)
        except StorageError as error:
            log_event(logger, "rate_limit_by_itself", level=logging.WARNING, reason=error.code)
        entry.taken, left = self._bucket(entry, rate).take(1)
        entry.kept = KeptBucket(left, None)

    async def _take_from_row(self, entry: _Entry, row: str, rate: Rate) -> bool:
        """Returns False where somebody else changed the row."""
        if entry.kept is None or entry.kept.etag is None:
            entry.kept = await self._rows.read(row)
        bucket = self._bucket(entry, rate)
        taken, left = bucket.take(entry.step)
        if taken == 0:
            return True  # what others have taken since leaves no more
        etag = await self._rows.write(row, left, entry.kept.etag if entry.kept else None)
        if etag is None:
            entry.kept = None
            return False
        entry.kept, entry.taken = KeptBucket(left, etag), taken
        return True

    def _bucket(self, entry: _Entry, rate: Rate) -> Bucket:
        now_s = self._now_s()
        return entry.kept.bucket.at(rate, now_s) if entry.kept else Bucket.full(rate, now_s)

    def _result(self, entry: _Entry, rate: Rate, *, allowed: bool) -> RateLimitResult:
        left = self._bucket(entry, rate).left
        remaining = int(left) + entry.taken
        return RateLimitResult(
            allowed=allowed,
            limit=rate.limit,
            window_s=rate.window_s,
            remaining=remaining,
            reset_s=rate.after(rate.limit - left),
            retry_after_s=0.0 if allowed else rate.after(max(0.0, 1.0 - left)),
        )
