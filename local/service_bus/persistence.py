"""The broker's state in one SQLite file.

Changes are collected and written in one transaction by commit(). What comes and goes within one turn, such as the lock
of a message that is completed at once, never reaches the file.

In WAL mode with synchronous=NORMAL a committed transaction survives the death of the process at any moment. After a
power cut or a crash of the operating system the last transactions may be missing, the file stays consistent.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.service_bus.decode import raw_items
from local.service_bus.encode import encoded_list
from local.service_bus.message import DEFERRED, LOCKED, READY, SCHEDULED, Message

_VERSION = 1
_BUSY_TIMEOUT_S = 0.5
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS entity(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sequence_number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS message(
    id INTEGER PRIMARY KEY, entity INTEGER NOT NULL, sequence_number INTEGER NOT NULL,
    enqueued_sequence_number INTEGER NOT NULL, enqueued_ms INTEGER NOT NULL, header BLOB NOT NULL,
    annotations BLOB NOT NULL, properties BLOB NOT NULL, application_properties BLOB NOT NULL, body BLOB NOT NULL,
    message_id TEXT NOT NULL, session_id TEXT, ttl_ms INTEGER NOT NULL, scheduled_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL, delivery_count INTEGER NOT NULL, scheduled INTEGER NOT NULL,
    deferred INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lock(id INTEGER PRIMARY KEY, tag BLOB NOT NULL, until_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS history(
    id INTEGER PRIMARY KEY, entity INTEGER NOT NULL, message_id TEXT NOT NULL, until_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS session(
    entity INTEGER NOT NULL, session_id TEXT NOT NULL, state BLOB NOT NULL, updated_ms INTEGER NOT NULL,
    PRIMARY KEY(entity, session_id)) WITHOUT ROWID;
PRAGMA user_version={_VERSION};
"""


class StoreError(Exception):
    """The file can't be used; the text says why and what to do."""


@dataclass(slots=True, eq=False)
class StoredEntity:
    """An entity's row: its key, and the last sequence number it gave out."""

    id: int
    sequence_number: int


class Store:
    """Opens or creates the file.

    Args:
        path: the file, or None for a store in memory that is gone with the process.

    Raises:
        StoreError: another process has it open, it is damaged, or of another version.
    """

    def __init__(self, path: Path | None) -> None:
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=_BUSY_TIMEOUT_S)
            self._open(path)
        except sqlite3.Error as error:
            problem = "is in use by another process" if "locked" in str(error) else f"can't be used: {error}"
            raise StoreError(f"{path} {problem}") from error
        self._next_row = 1 + self._one("SELECT coalesce(max(id), 0) FROM message")
        self._next_history_row = 1 + self._one("SELECT coalesce(max(id), 0) FROM history")
        self._messages: dict[int, Message] = {}
        self._locks: dict[int, Message] = {}
        self._deleted: list[tuple[int]] = []
        self._sequences: dict[StoredEntity, None] = {}
        self._history: list[tuple[int, int, str, int]] = []
        self._forgotten: list[tuple[int]] = []
        self._sessions: dict[tuple[int, str], tuple[bytes, int] | None] = {}
        self._pending: tuple[dict[Any, Any] | list[Any], ...] = (
            self._messages,
            self._locks,
            self._deleted,
            self._sequences,
            self._history,
            self._forgotten,
            self._sessions,
        )

    def _open(self, path: Path | None) -> None:
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        # A write takes the exclusive lock now: a second process must fail at its start, not at its first message.
        self._db.execute("BEGIN IMMEDIATE")
        version = self._one("PRAGMA user_version")
        self._db.execute("COMMIT")
        if version not in (0, _VERSION):
            raise StoreError(
                f"{path} has version {version} of the format, this is version {_VERSION}: use a new folder"
            )
        self._db.executescript(_SCHEMA)

    def _one(self, sql: str) -> int:
        return int(self._db.execute(sql).fetchone()[0])

    def entity(self, name: str) -> StoredEntity:
        """The row of an entity, created at first sight. Names differ by more than case."""
        key = name.lower()
        self._db.execute("INSERT OR IGNORE INTO entity(name, sequence_number) VALUES(?, 0)", (key,))
        row = self._db.execute("SELECT id, sequence_number FROM entity WHERE name=?", (key,)).fetchone()
        return StoredEntity(*row)

    def next_sequence_number(self, entity: StoredEntity) -> int:
        entity.sequence_number += 1
        self._sequences[entity] = None
        return entity.sequence_number

    def put(self, entity: StoredEntity, message: Message) -> None:
        """Write a message as it is when the turn ends: a new one, a changed one, or one that changed its entity."""
        if not message.row:
            message.row = self._next_row
            self._next_row += 1
        message.entity_row = entity.id
        self._messages[message.row] = message

    def lock_changed(self, message: Message) -> None:
        """Write or delete the lock of a message, as it is when the turn ends."""
        self._locks[message.row] = message

    def delete(self, message: Message) -> None:
        self._messages.pop(message.row, None)
        if message.stored:
            self._deleted.append((message.row,))
            message.stored = False

    def remember(self, entity: StoredEntity, message_id: str, until_ms: int) -> int:
        """Add a message id to the duplicate history; returns the key of the entry."""
        row = self._next_history_row
        self._next_history_row += 1
        self._history.append((row, entity.id, message_id, until_ms))
        return row

    def forget(self, rows: list[int]) -> None:
        """Delete entries of the duplicate history."""
        self._forgotten += ((row,) for row in rows)

    def set_session_state(self, entity: StoredEntity, session_id: str, state: bytes | None, updated_ms: int) -> None:
        self._sessions[entity.id, session_id] = None if state is None else (state, updated_ms)

    def commit(self) -> None:
        """Write all changes in one transaction.

        Raises:
            sqlite3.Error: the disk is full or fails; nothing of this turn is written.
        """
        if not any(self._pending):
            return
        run = self._db.executemany
        self._db.execute("BEGIN")
        # Deletions first: a row may be deleted and written anew in one turn.
        if self._deleted:
            run("DELETE FROM message WHERE id=?", self._deleted)
            run("DELETE FROM lock WHERE id=?", self._deleted)
        if self._messages:
            run(
                "INSERT OR REPLACE INTO message VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                map(_row, self._messages.values()),
            )
        if self._locks:
            held = [m for m in self._locks.values() if m.lock_tag and m.stored]
            run("INSERT OR REPLACE INTO lock VALUES(?,?,?)", [(m.row, m.lock_tag, m.locked_until_ms) for m in held])
            run("DELETE FROM lock WHERE id=?", [(m.row,) for m in self._locks.values() if not m.lock_tag])
        run("UPDATE entity SET sequence_number=? WHERE id=?", [(e.sequence_number, e.id) for e in self._sequences])
        if self._history or self._forgotten:
            run("INSERT INTO history VALUES(?,?,?,?)", self._history)
            run("DELETE FROM history WHERE id=?", self._forgotten)
        for (entity, session_id), value in self._sessions.items():
            self._db.execute("DELETE FROM session WHERE entity=? AND session_id=?", (entity, session_id))
            if value is not None:
                self._db.execute("INSERT INTO session VALUES(?,?,?,?)", (entity, session_id, *value))
        self._db.execute("COMMIT")
        for pending in self._pending:
            pending.clear()

    def load_messages(self) -> Iterator[tuple[int, Message]]:
        """All messages with the key of their entity, in the order in which they came."""
        for row in self._db.execute(
            "SELECT m.*, l.tag, l.until_ms FROM message m LEFT JOIN lock l ON l.id=m.id ORDER BY m.id"
        ):
            yield row[1], _message(row)

    def load_history(self) -> list[tuple[int, int, str, int]]:
        """The duplicate history: key, entity, message id, end of its window in milliseconds."""
        return list(self._db.execute("SELECT id, entity, message_id, until_ms FROM history ORDER BY id"))

    def load_sessions(self) -> list[tuple[int, str, bytes, int]]:
        """Session states: entity, session id, state, when it was set in milliseconds."""
        return list(self._db.execute("SELECT entity, session_id, state, updated_ms FROM session"))

    def entity_names(self) -> dict[int, str]:
        return dict(self._db.execute("SELECT id, name FROM entity"))

    def close(self) -> None:
        self._db.close()


def _row(message: Message) -> tuple[Any, ...]:
    message.stored = True
    return (
        message.row,
        message.entity_row,
        message.sequence_number,
        message.enqueued_sequence_number,
        message.enqueued_ms,
        message.header,
        encoded_list(message.annotations),
        message.properties,
        message.application_properties,
        message.body,
        message.message_id,
        message.session_id,
        message.ttl_ms,
        message.scheduled_ms,
        message.expires_ms,
        message.delivery_count,
        message.state == SCHEDULED,
        message.deferred,
    )


def _message(row: tuple[Any, ...]) -> Message:
    message = Message()
    message.stored = True
    (
        message.row,
        message.entity_row,
        message.sequence_number,
        message.enqueued_sequence_number,
        message.enqueued_ms,
        message.header,
        annotations,
        message.properties,
        message.application_properties,
        message.body,
        message.message_id,
        message.session_id,
        message.ttl_ms,
        message.scheduled_ms,
        message.expires_ms,
        message.delivery_count,
        scheduled,
        deferred,
        message.lock_tag,
        message.locked_until_ms,
    ) = row
    message.annotations, message.deferred = raw_items(annotations, 0), bool(deferred)
    message.locked_until_ms = message.locked_until_ms or 0
    message.state = LOCKED if message.lock_tag else SCHEDULED if scheduled else DEFERRED if deferred else READY
    return message
