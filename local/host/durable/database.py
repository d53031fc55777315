"""The file that holds a task hub: an SQLite database that several hosts may have open."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_BUSY_TIMEOUT_S = 5.0
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances(
    id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, execution_id TEXT NOT NULL, status TEXT NOT NULL,
    input TEXT, output TEXT, custom_status TEXT, created_s REAL NOT NULL, updated_s REAL NOT NULL,
    parent TEXT, progress TEXT NOT NULL);
-- One row an episode: its events as JSON texts joined by commas.
CREATE TABLE IF NOT EXISTS history(seq INTEGER PRIMARY KEY, instance_id TEXT NOT NULL, events TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS history_of_instance ON history(instance_id, seq);
CREATE TABLE IF NOT EXISTS entities(
    id TEXT PRIMARY KEY, state TEXT NOT NULL, created_s REAL NOT NULL, updated_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS inbox(
    seq INTEGER PRIMARY KEY, target TEXT NOT NULL, due_s REAL NOT NULL, execution_id TEXT, timer_id INTEGER,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS inbox_of_target ON inbox(target, due_s);
-- One row for each instance or entity with messages: when to look at them next.
CREATE TABLE IF NOT EXISTS agenda(target TEXT PRIMARY KEY, partition INTEGER NOT NULL, due_s REAL NOT NULL);
CREATE INDEX IF NOT EXISTS agenda_of_partition ON agenda(partition, due_s);
CREATE TABLE IF NOT EXISTS work(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, instance_id TEXT NOT NULL, execution_id TEXT NOT NULL,
    task_id INTEGER NOT NULL, name TEXT NOT NULL, input TEXT, owner TEXT, locked_until_s REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS work_by_lock ON work(locked_until_s, seq);
CREATE INDEX IF NOT EXISTS work_of_instance ON work(instance_id);
CREATE TABLE IF NOT EXISTS leases(
    partition INTEGER PRIMARY KEY, owner TEXT, epoch INTEGER NOT NULL, expires_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS hosts(
    id TEXT PRIMARY KEY, works INTEGER NOT NULL, seen_s REAL NOT NULL, pid INTEGER NOT NULL, started_s REAL NOT NULL);
"""


class HubFileError(Exception):
    """The task hub's file can't be used."""


class Database:
    """One connection. All calls come from one thread.

    What was committed survives a kill of the process; the last transactions may be lost with the power.

    Args:
        path: the file; its folder is made if need be.

    Attributes:
        on_write: called after each transaction that may have given somebody work.

    Raises:
        HubFileError: the file isn't a task hub, or can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.on_write: Callable[[], None] = lambda: None
        self._writing = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise HubFileError(f"{path} was written by another version (format {version}); delete it to begin anew")
            self._connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={_VERSION};COMMIT;")
        except (OSError, sqlite3.Error) as error:
            raise HubFileError(f"the task hub's file {path} can't be used: {error}") from error

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, parameters)

    def many(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        self._connection.executemany(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A short write transaction: all of it or nothing is stored. One within another joins it."""
        if self._writing:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._writing = True
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        finally:
            self._writing = False
        self.on_write()

    def changes_by_others(self) -> int:
        """A number that is another one when another process has written."""
        number: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return number

    def close(self) -> None:
        self._connection.close()
