"""All rows of a job on disk, so that a million of them need no memory.

It is made anew at each start, has no name and vanishes with the process: what is
done is known from the output alone.
"""

import sqlite3
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

from attrs import astuple, frozen

from cams_async.bulk.rows import AnyRow, BadRow
from cams_async.errors import ConfigurationError

SCHEMA = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -8192;
    CREATE TABLE spaces (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE rows (
        line INTEGER PRIMARY KEY, space INTEGER, number INTEGER,
        done INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE bad (
        line INTEGER PRIMARY KEY, reason TEXT, phone_number TEXT, cust_space_id TEXT,
        input TEXT
    );
    BEGIN;
"""

# Made once it is known what is done: that is faster, and marks are cheap until then.
INDEX = "CREATE INDEX keys ON rows (space, number, done, line)"

COUNTS = """
    SELECT
        (SELECT count(*) FROM rows),
        (SELECT count(*) FROM bad),
        (SELECT count(*) FROM
            (SELECT DISTINCT space, number FROM rows WHERE space IS NOT NULL)),
        (SELECT count(*) FROM spaces),
        (SELECT count(*) FROM (SELECT DISTINCT space, number FROM rows
            WHERE space IS NOT NULL AND done = 0)),
        (SELECT count(*) FROM (SELECT DISTINCT space FROM rows
            WHERE space IS NOT NULL AND done = 0))
"""

# The first line of each key that is not done; later ones are its twins.
BY_LINE = """
    SELECT row.line, row.space, row.number, spaces.name
    FROM rows AS row JOIN spaces ON spaces.id = row.space
    WHERE row.line > ? AND row.done = 0 AND NOT EXISTS (
        SELECT 1 FROM rows AS twin
        WHERE twin.space = row.space AND twin.number = row.number
            AND twin.done = 0 AND twin.line < row.line
    )
    ORDER BY row.line LIMIT ?
"""

BY_SPACE = """
    SELECT min(row.line), row.space, row.number, spaces.name
    FROM rows AS row JOIN spaces ON spaces.id = row.space
    WHERE (row.space, row.number) > (?, ?) AND row.done = 0
    GROUP BY row.space, row.number ORDER BY row.space, row.number LIMIT ?
"""

LINES = """
    SELECT line FROM rows
    WHERE space = (SELECT id FROM spaces WHERE name = ?) AND number = ?
        AND done = 0 AND line > ?
    ORDER BY line LIMIT ?
"""

FINISH = """
    UPDATE rows SET done = 1
    WHERE space = (SELECT id FROM spaces WHERE name = ?) AND number = ? AND done = 0
"""

BAD = """
    SELECT line, reason, phone_number, cust_space_id, input
    FROM bad JOIN rows USING (line)
    WHERE done = 0 AND line > ? ORDER BY line LIMIT ?
"""

PAGE = 500
"""Rows that are read from disk at a time."""

BAD_PAGE = 50
"""Fewer, because a refused row keeps its record, of 128 KiB at most."""

REMEMBERED = 10_000
"""Spaces whose place is kept in memory."""


@frozen(kw_only=True)
class Counts:
    """What there is to do."""

    rows: int
    bad: int
    numbers: int
    spaces: int
    numbers_left: int
    spaces_left: int


@frozen
class Key:
    """A phone number to ask for, once however many rows want it."""

    line: int
    """The first of its rows that is not done."""

    space: int
    """The place of its space, in the order of their first rows."""

    phone_number: str
    cust_space_id: str


class RowIndex:
    """The rows of a job. Any thread may use it, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # An empty name is a temporary file, which no other process can see.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(SCHEMA)
        self._spaces: dict[str, int] = {}

    def close(self) -> None:
        """Forget everything. Idempotent."""
        with self._lock:
            self._db.close()

    # In this order: fill, then mark, then count, then ask

    def fill(self, rows: Iterable[AnyRow]) -> None:
        """Take the rows of the input.

        Raises:
            ConfigurationError: There is no room for them, or `rows` raises it.
        """
        with self._room():
            for row in rows:
                if isinstance(row, BadRow):
                    values: tuple[Any, ...]
                    values = astuple(row)
                    self._db.execute("INSERT INTO bad VALUES (?, ?, ?, ?, ?)", values)
                    values = row.line, None, None
                else:
                    space = self._place(row.cust_space_id)
                    values = row.line, space, int(row.phone_number)
                self._db.execute(
                    "INSERT INTO rows (line, space, number) VALUES (?, ?, ?)", values
                )

    def mark(self, line: int) -> bool:
        """Note that a row is done; False if it is no row, or was done before."""
        with self._room():
            update = "UPDATE rows SET done = 1 WHERE line = ? AND done = 0"
            return self._db.execute(update, (line,)).rowcount == 1

    def count(self) -> Counts:
        """Count, once all is filled in and marked."""
        with self._room():
            self._db.execute(INDEX)
            values = self._db.execute(COUNTS).fetchone()
        names = "rows", "bad", "numbers", "spaces", "numbers_left", "spaces_left"
        return Counts(**dict(zip(names, values, strict=True)))

    def bad(self, after: int) -> list[BadRow]:
        """Return the next bad rows that are not done, after a line."""
        return [BadRow(*values) for values in self._ask(BAD, after, BAD_PAGE)]

    def keys(self, after: Key | None, *, by_space: bool) -> list[Key]:
        """Return the next phone numbers that are not done, by line or by space."""
        if not by_space:
            found = self._ask(BY_LINE, 0 if after is None else after.line, PAGE)
        elif after is None:
            found = self._ask(BY_SPACE, 0, 0, PAGE)
        else:
            found = self._ask(BY_SPACE, after.space, int(after.phone_number), PAGE)
        return [
            Key(line, space, str(number), name) for line, space, number, name in found
        ]

    def lines(self, phone_number: str, cust_space_id: str, after: int) -> list[int]:
        """Return the next rows of a phone number that are not done, after a line."""
        found = self._ask(LINES, cust_space_id, int(phone_number), after, PAGE)
        return [line for (line,) in found]

    def finish(self, phone_number: str, cust_space_id: str) -> None:
        """Note that all rows of a phone number are done."""
        with self._room():
            self._db.execute(FINISH, (cust_space_id, int(phone_number)))

    def _ask(self, query: str, *values: object) -> list[Any]:
        with self._room():
            return self._db.execute(query, values).fetchall()

    def _place(self, name: str) -> int:
        place = self._spaces.get(name)
        if place is None:
            self._db.execute("INSERT OR IGNORE INTO spaces (name) VALUES (?)", (name,))
            query = "SELECT id FROM spaces WHERE name = ?"
            (place,) = self._db.execute(query, (name,)).fetchone()
            if len(self._spaces) >= REMEMBERED:
                self._spaces.clear()
            self._spaces[name] = place
        return place

    @contextmanager
    def _room(self) -> Generator[None, None, None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                msg = f"the temporary directory cannot hold the rows: {error}"
                raise ConfigurationError(msg, field="TMPDIR") from error
