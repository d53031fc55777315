"""One clock for all workers: that of the storage service.

Workers' clocks may be seconds apart, and a call that is made 2 s after its booking breaks the quota. Table storage
writes the time of each change into its ETag, so every write tells how far this worker's clock is off.
"""

import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import unquote

from shared.errors import StorageError
from shared.quota.clock_offset import ClockOffset

_ETAG = re.compile(r"datetime'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z'")
_FIRST_SAMPLES = 3
_FRESH_S = 30.0


def etag_time_s(etag: str) -> float | None:
    """The time that the ETag of a table entity holds, in seconds since 1970; None where it holds none."""
    match = _ETAG.search(unquote(etag))
    if match is None:
        return None
    try:
        whole_s = datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return whole_s + float(f"0.{match[2] or 0}")


class ServerClock:
    """The server's time, from this worker's clock and its offset.

    Args:
        touch: writes something to the server and returns its ETag; raises StorageError.
        local: this worker's clock, in seconds since 1970.
    """

    def __init__(self, touch: Callable[[], Awaitable[str]], local: Callable[[], float] = time.time) -> None:
        self._touch = touch
        self._local = local
        self._offset = ClockOffset()
        self._fresh_until = float("-inf")

    def now_s(self) -> float:
        """The server's time in seconds since 1970, as far as it is known."""
        return self._local() + self._offset.offset_s

    def now(self) -> datetime:
        """The same as a time."""
        return datetime.fromtimestamp(self.now_s(), UTC)

    async def refresh(self) -> None:
        """Ask the server where the last answer is half a minute old. Without an answer the clock stays as it is."""
        if time.monotonic() < self._fresh_until:
            return
        samples = 1 if self._offset.known else _FIRST_SAMPLES
        self._fresh_until = time.monotonic() + _FRESH_S
        for _ in range(samples):
            sent_s = self._local()
            try:
                server_s = etag_time_s(await self._touch())
            except StorageError:
                return
            if server_s is not None:
                self._offset = self._offset.heard(sent_s, server_s, self._local(), resolution_s=0.0)
