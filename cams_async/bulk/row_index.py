"""Index of all rows of a job in a temporary SQLite file, for flat memory use.

It is rebuilt at each start and deleted with the process: the output alone records
which rows are done.
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

# Created after the rows are marked: faster than updating it for each mark.
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

# The first line of each phone number that is not done; later ones are its twins.
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
"""Rows read from disk at a time."""

BAD_PAGE = 50
"""Invalid rows read at a time; each keeps a record of up to 128 KiB."""

MAX_CACHED_SPACES = 10_000
"""Space ids cached in memory."""


@frozen(kw_only=True)
class Counts:
    """Counts of the rows, phone numbers and spaces of a job."""

    rows: int
    bad: int
    numbers: int
    spaces: int
    numbers_left: int
    spaces_left: int


@frozen
class PendingNumber:
    """A phone number to request, once for all its rows."""

    line: int
    """Line number of the first of its rows that is not done."""

    space: int
    """Id of its space, in the order of first occurrence."""

    phone_number: str
    cust_space_id: str


class RowIndex:
    """The rows of a job. Thread-safe.

    Call `fill`, then `mark_done`, then `count`, then the other methods.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # An empty name is a temporary file, which no other process can see.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(SCHEMA)
        self._spaces: dict[str, int] = {}

    def close(self) -> None:
        """Close and delete the index. Idempotent."""
        with self._lock:
            self._db.close()

    def fill(self, rows: Iterable[AnyRow]) -> None:
        """Insert the rows of the input.

        Raises:
            ConfigurationError: The temporary directory is full, or `rows` raises it.
        """
        with self._locked():
            for row in rows:
                if isinstance(row, BadRow):
                    values: tuple[Any, ...]
                    values = astuple(row)
                    self._db.execute("INSERT INTO bad VALUES (?, ?, ?, ?, ?)", values)
                    values = row.line, None, None
                else:
                    space = self._space_id(row.cust_space_id)
                    values = row.line, space, int(row.phone_number)
                self._db.execute(
                    "INSERT INTO rows (line, space, number) VALUES (?, ?, ?)", values
                )

    def mark_done(self, line: int) -> bool:
        """Mark a row as done; return False if there is none or it was done before."""
        with self._locked():
            update = "UPDATE rows SET done = 1 WHERE line = ? AND done = 0"
            return self._db.execute(update, (line,)).rowcount == 1

    def count(self) -> Counts:
        """Count the rows, and build the index over them."""
        with self._locked():
            self._db.execute(INDEX)
            values = self._db.execute(COUNTS).fetchone()
        names = "rows", "bad", "numbers", "spaces", "numbers_left", "spaces_left"
        return Counts(**dict(zip(names, values, strict=True)))

    def bad(self, after: int) -> list[BadRow]:
        """Return the next invalid rows after a line that are not done."""
        return [BadRow(*values) for values in self._select(BAD, after, BAD_PAGE)]

    def pending(
        self, after: PendingNumber | None, *, by_space: bool
    ) -> list[PendingNumber]:
        """Return the next phone numbers that are not done, by line or by space."""
        if not by_space:
            found = self._select(BY_LINE, 0 if after is None else after.line, PAGE)
        elif after is None:
            found = self._select(BY_SPACE, 0, 0, PAGE)
        else:
            found = self._select(BY_SPACE, after.space, int(after.phone_number), PAGE)
        return [
            PendingNumber(line, space, str(number), name)
            for line, space, number, name in found
        ]

    def lines(self, phone_number: str, cust_space_id: str, after: int) -> list[int]:
        """Return the next rows of a phone number after a line that are not done."""
        found = self._select(LINES, cust_space_id, int(phone_number), after, PAGE)
        return [line for (line,) in found]

    def mark_number_done(self, phone_number: str, cust_space_id: str) -> None:
        """Mark all rows of a phone number as done."""
        with self._locked():
            self._db.execute(FINISH, (cust_space_id, int(phone_number)))

    def _select(self, query: str, *values: object) -> list[Any]:
        with self._locked():
            return self._db.execute(query, values).fetchall()

    def _space_id(self, name: str) -> int:
        space_id = self._spaces.get(name)
        if space_id is None:
            self._db.execute("INSERT OR IGNORE INTO spaces (name) VALUES (?)", (name,))
            query = "SELECT id FROM spaces WHERE name = ?"
            (space_id,) = self._db.execute(query, (name,)).fetchone()
            if len(self._spaces) >= MAX_CACHED_SPACES:
                self._spaces.clear()
            self._spaces[name] = space_id
        return space_id

    @contextmanager
    def _locked(self) -> Generator[None, None, None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                msg = f"the temporary directory cannot hold the rows: {error}"
                raise ConfigurationError(msg, field="TMPDIR") from error
