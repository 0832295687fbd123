"""Events on disk, from their acceptance until they were handled: an SQLite file."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from cams_async.callbacks.events import Event
from cams_async.callbacks.seen import KEEP
from cams_async.errors import CamsError, ConfigurationError

# WAL with synchronous FULL: a commit is on disk when it returns.
SCHEMA: Final = """
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS events (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL, raw TEXT NOT NULL,
        received REAL NOT NULL, state TEXT NOT NULL, due REAL NOT NULL,
        attempts INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS keys ON events (key);
    CREATE INDEX IF NOT EXISTS states ON events (state, due);
    UPDATE events SET state = 'pending' WHERE state = 'taken';
    COMMIT;
"""

KNOWN: Final = "SELECT 1 FROM events WHERE key = ? AND received > ?"

ADD: Final = """
    INSERT INTO events (key, raw, received, state, due, attempts)
    VALUES (?, ?, ?, 'pending', ?, 0)
"""

DUE: Final = """
    SELECT id, raw, attempts FROM events
    WHERE state = 'pending' AND due <= ? ORDER BY due, id LIMIT ?
"""

# What was handled is kept as a key only, and no longer than needed to find duplicates.
DONE: Final = "UPDATE events SET state = 'done', raw = '' WHERE id = ?"

RETRY: Final = """
    UPDATE events SET state = ?, due = ?, attempts = attempts + 1 WHERE id = ?
"""

CLEAN: Final = """
    DELETE FROM events WHERE state = 'done' AND id IN
        (SELECT id FROM events WHERE state = 'done' AND received < ? LIMIT 1000)
"""


class SpoolError(CamsError):
    """The spool cannot be written or read, such as on a full disk."""


@frozen
class SpooledEvent:
    """An event that is to be handled."""

    id: int
    raw: str
    """JSON text of a notification with this event alone."""

    attempts: int
    """How often its handler has failed."""


@frozen
class Attempt:
    """An attempt to handle an event."""

    id: int
    retry_at: float | None = None
    """The time of the next attempt, if it failed and there is to be one."""

    failed: bool = False
    """Whether it failed; without a next attempt, the event is parked."""


class Spool:
    """The events of a receiver on disk. Thread-safe; one process opens it.

    Args:
        path: The file, which is created with permissions for its owner only.
        now: Returns the time, in seconds since 1970.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self.unfinished: int = 0
        """Events that are pending or taken."""

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        return self._now()

    def open(self) -> None:
        """Open or create the file.

        Raises:
            ConfigurationError: It is unusable, or in use by another process.
        """
        try:
            self._path.touch(mode=0o600)
            db = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=0.5
            )
            try:
                db.executescript(SCHEMA)
                count = "SELECT count(*) FROM events WHERE state = 'pending'"
                (self.unfinished,) = db.execute(count).fetchone()
            except sqlite3.Error:
                db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            msg = f"{str(self._path)!r} cannot be used: {error}"
            raise ConfigurationError(msg, field="spool") from error
        self._db = db

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def add(self, events: Sequence[Event]) -> int:
        """Write events to disk, without duplicates; return the number of new ones.

        Raises:
            SpoolError: They could not be written; none of them is in the spool.
        """
        now, new = self._now(), 0
        with self._transaction() as db:
            for each in events:
                since = now - (each.duplicate_for or KEEP)
                if db.execute(KNOWN, (each.key, since)).fetchone() is None:
                    db.execute(ADD, (each.key, json.dumps([each.raw]), now, now))
                    new += 1
        self.unfinished += new
        return new

    def advance(
        self, attempts: Sequence[Attempt], limit: int
    ) -> tuple[list[SpooledEvent], float | None]:
        """Record attempts, and take the next events that are due.

        Returns:
            The events, and the seconds until another one is due, if there is one.

        Raises:
            SpoolError: The disk failed; nothing was recorded or taken.
        """
        now, ended = self._now(), 0
        with self._transaction() as db:
            for each in attempts:
                if not each.failed:
                    db.execute(DONE, (each.id,))
                else:
                    state = "parked" if each.retry_at is None else "pending"
                    db.execute(RETRY, (state, each.retry_at or now, each.id))
                ended += each.retry_at is None
            found = [SpooledEvent(*row) for row in db.execute(DUE, (now, limit))]
            for event in found:
                db.execute(
                    "UPDATE events SET state = 'taken' WHERE id = ?", (event.id,)
                )
            if attempts:
                db.execute(CLEAN, (now - KEEP,))
            next_due = "SELECT min(due) FROM events WHERE state = 'pending'"
            (due,) = db.execute(next_due).fetchone()
        self.unfinished -= ended
        return found, None if due is None else max(0.0, due - now)

    def parked(self) -> list[SpooledEvent]:
        """Return the events whose handling failed for the last time, oldest first.

        Raises:
            SpoolError: The disk failed.
        """
        query = (
            "SELECT id, raw, attempts FROM events WHERE state = 'parked' ORDER BY id"
        )
        with self._transaction() as db:
            return [SpooledEvent(*row) for row in db.execute(query)]

    def requeue(self) -> int:
        """Make parked events pending again; return their number.

        Raises:
            SpoolError: The disk failed.
        """
        update = """
            UPDATE events SET state = 'pending', due = ?, attempts = 0
            WHERE state = 'parked'
        """
        with self._transaction() as db:
            number = db.execute(update, (self._now(),)).rowcount
        self.unfinished += number
        return number

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        with self._lock:
            if self._db is None:
                msg = "the spool is closed"
                raise SpoolError(msg)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                finally:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
            except sqlite3.Error as error:
                msg = f"the spool cannot be used: {error}"
                raise SpoolError(msg) from error
