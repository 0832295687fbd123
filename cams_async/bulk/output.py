"""The output file: one line for each row, and the only record of what is done."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from attrs import Factory, frozen

from cams_async.bulk.lines import RawLine, chunks, split_lines
from cams_async.bulk.results import CSV_HEADER, Format, Result, Totals, decode, encode
from cams_async.errors import CamsError, ConfigurationError
from cams_async.terminal import write_all

MAX_LINE_BYTES = 2**20
"""Upper bound for the bytes of a line, since all fields are bounded."""

SYNC_EVERY = 1.0
"""Seconds between two flushes to disk."""

# Windows has no fcntl: there, an output is not locked against a second run.
_fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None


class OutputError(CamsError):
    """The output can no longer be written. Rows written before are intact."""


@frozen(kw_only=True)
class ResumePoint:
    """The position at which an output of an earlier run is resumed."""

    end: int
    """Size of the intact part in bytes."""

    totals: Totals = Factory(Totals)
    """Counts of the rows in it."""


def open_locked(path: Path) -> BinaryIO:
    """Open or create an output, locked for this process.

    Raises:
        ConfigurationError: It cannot be opened, or is locked by another run.
    """
    try:
        file: BinaryIO = open(path, "a+b", buffering=0, opener=_private)  # noqa: SIM115 - a Path takes no opener; it stays open
    except OSError as error:
        raise unusable(path, f"cannot be written: {error.strerror}") from error
    try:
        if _fcntl is not None:
            _fcntl.flock(file.fileno(), _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise unusable(path, "is in use by another run") from error
    return file


def _private(path: str, flags: int) -> int:
    """Open a file; create it with permissions for its owner only."""
    return os.open(path, flags, 0o600)


def unusable(path: Path, message: str) -> ConfigurationError:
    """Return the error for an output that cannot be used."""
    return ConfigurationError(f"{str(path)!r} {message}", field="output")


def scan(
    file: BinaryIO, path: Path, form: Format, mark_done: Callable[[int], bool]
) -> ResumePoint:
    """Read the rows of an earlier run, without changes to the file.

    A damaged end counts as not written: a partial line, or the NULs that a power
    failure leaves.

    Args:
        file: The output, which is read from its start.
        path: Its path, for error messages.
        form: Its format.
        mark_done: Called with the line number of each row that is done; returns False
            if there is no such row or it was done before.

    Raises:
        ConfigurationError: A line is damaged before the end, or of another job.
    """
    file.seek(0)
    end, totals = 0, Totals()
    damaged: RawLine | None = None
    for line in split_lines(chunks(file), limit=MAX_LINE_BYTES):
        if form == "csv" and line.number == 1 and line.data == CSV_HEADER:
            end = line.size
            continue
        has_header = form == "jsonl" or end > 0
        result = decode(line.data, form) if has_header else None
        if result is None:
            damaged = damaged or line
            if not _may_be_torn(line):
                raise _unreadable(path, line, "cannot be read")
        elif damaged is not None:
            raise _unreadable(path, damaged, "cannot be read")
        elif not mark_done(result.line):
            raise _unreadable(
                path, line, "is for a row that does not exist, or a duplicate"
            )
        else:
            end += line.size
            totals.add(result)
    return ResumePoint(end=end, totals=totals)


def repair(file: BinaryIO, path: Path, point: ResumePoint) -> None:
    """Truncate the damaged end of an output.

    Raises:
        ConfigurationError: The file cannot be truncated.
    """
    try:
        file.truncate(point.end)
    except OSError as error:
        raise unusable(path, f"cannot be repaired: {error.strerror}") from error


def _may_be_torn(line: RawLine) -> bool:
    """Whether a crash can explain the damage: a missing line feed, or NULs."""
    return b"\0" in line.data or (line.is_complete and not line.data.endswith(b"\n"))


def _unreadable(path: Path, line: RawLine, problem: str) -> ConfigurationError:
    return unusable(
        path,
        f"has a line {line.number} that {problem}. Nothing was changed: fix the line, "
        "or name another output",
    )


class Output:
    """A writer of results, which are appended completely or not at all.

    Args:
        stream: The file or stream.
        form: The format of the output.
        path: The path of the file; None for standard output.
        end: The size of the file, to which a partial write is truncated; None for a
            stream.
        raw_csv: As for `encode`.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        form: Format,
        path: Path | None = None,
        end: int | None = None,
        raw_csv: bool = False,
    ) -> None:
        self._stream = stream
        self._name = "standard output" if path is None else repr(str(path))
        self._form: Format = form
        self._raw_csv = raw_csv
        self._end = end
        self._synced = time.monotonic()

    @property
    def end(self) -> int | None:
        """The size of the file in bytes; None for a stream."""
        return self._end

    def write_header(self) -> None:
        """Write the CSV header if the output is empty.

        Raises:
            OutputError: The header cannot be written.
        """
        if self._form == "csv" and not self._end:
            self._append(CSV_HEADER)

    def write(self, results: Iterable[Result]) -> None:
        """Append results with one write.

        Raises:
            OutputError: They could not be written; none of them is in the file.
        """
        encoded = (encode(each, self._form, raw_csv=self._raw_csv) for each in results)
        self._append(b"".join(encoded))
        now = time.monotonic()
        if now - self._synced >= SYNC_EVERY:
            self.sync()
            self._synced = now

    def sync(self) -> None:
        """Flush the file to disk; do nothing for a stream.

        Raises:
            OutputError: The disk failed.
        """
        if self._end is not None:
            try:
                os.fsync(self._stream.fileno())
            except OSError as error:
                raise self._failed(error) from error

    def _append(self, data: bytes) -> None:
        try:
            write_all(self._stream, data)
        except OSError as error:
            self._truncate()
            raise self._failed(error) from error
        if self._end is not None:
            self._end += len(data)

    def _truncate(self) -> None:
        """Remove a partial write. If that fails, the next start repairs the file."""
        if self._end is not None:
            with suppress(OSError):
                self._stream.truncate(self._end)

    def _failed(self, error: OSError) -> OutputError:
        hint = "Rows written before are intact."
        return OutputError(f"cannot write {self._name}: {error.strerror}.", hint=hint)
