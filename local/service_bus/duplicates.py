"""Duplicate detection: which message ids an entity has seen within its time window."""

from collections import deque

from local.service_bus.persistence import Store, StoredEntity

_SWEEP_MS = 1000


class DuplicateHistory:
    """The message ids of one entity. A duplicate doesn't extend the window of the first.

    Args:
        window_ms: how long an id is remembered, from when its first message came.
    """

    def __init__(self, store: Store, entity: StoredEntity, window_ms: int) -> None:
        self._store = store
        self._entity = entity
        self._window_ms = window_ms
        self._until_ms: dict[str, int] = {}
        self._entries: deque[tuple[int, int, str]] = deque()

    @property
    def next_due_ms(self) -> int | None:
        """When to sweep: a little after an entry lapsed, so that one sweep takes many."""
        return self._entries[0][0] + _SWEEP_MS if self._entries else None

    def is_duplicate(self, message_id: str, now_ms: int) -> bool:
        """Whether the id came before within the window; notes it where it did not."""
        if self._until_ms.get(message_id, 0) > now_ms:
            return True
        until_ms = now_ms + self._window_ms
        row = self._store.remember(self._entity, message_id, until_ms)
        self.restore(row, message_id, until_ms)
        return False

    def restore(self, row: int, message_id: str, until_ms: int) -> None:
        """Take in an entry that the store has."""
        self._until_ms[message_id] = until_ms
        self._entries.append((until_ms, row, message_id))

    def sweep(self, now_ms: int) -> None:
        """Drop entries that have lapsed."""
        rows = []
        while self._entries and self._entries[0][0] <= now_ms:
            until_ms, row, message_id = self._entries.popleft()
            rows.append(row)
            if self._until_ms[message_id] == until_ms:
                del self._until_ms[message_id]
        if rows:
            self._store.forget(rows)
