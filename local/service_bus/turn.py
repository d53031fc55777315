"""The end of a turn of the event loop, where all that the turn changed becomes final together.

Everything that arrives in one turn is committed in one transaction, and only then do replies leave: that is what makes
an acknowledgement safe against a kill, and one commit serve many messages.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from local.service_bus.persistence import Store

logger = logging.getLogger(__name__)


class Outlet(Protocol):
    """A connection with bytes to write."""

    def flush(self) -> None: ...


class Turn:
    """Collects the work of one turn. `wake` is called when the first piece of a turn arrives."""

    def __init__(self, store: Store) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._store = store
        self._work: dict[Callable[[], None], None] = {}
        self._outlets: dict[Outlet, None] = {}
        self._woken = False

    def soon(self, work: Callable[[], None]) -> None:
        """Run this once before the turn ends, however often it is asked for."""
        self._work[work] = None
        self.request_end()

    def will_write(self, outlet: Outlet) -> None:
        """Flush this connection after the commit."""
        self._outlets[outlet] = None
        self.request_end()

    def request_end(self) -> None:
        if not self._woken:
            self._woken = True
            self.wake()

    def end(self) -> None:
        """Do the collected work, commit, then let the replies out.

        Raises:
            sqlite3.Error: the commit failed; no reply has left.
        """
        while self._work:
            work, self._work = self._work, {}
            for run in work:
                try:
                    run()
                except Exception:
                    # A bug met in one entity must not stop the turn, and with it all others.
                    logger.exception("a piece of a turn's work failed")
        self._store.commit()
        self._woken = False
        outlets, self._outlets = self._outlets, {}
        for outlet in outlets:
            outlet.flush()
