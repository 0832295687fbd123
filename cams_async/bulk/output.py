"""The output: one line for each row, and the only truth about what is done."""

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
from cams_async.bulk.results import CSV_HEADER, Format, Result, decode, encode
from cams_async.bulk.totals import Totals
from cams_async.errors import CamsError, ConfigurationError
from cams_async.terminal import write_all

MAX_LINE_BYTES = 2**20
"""Bytes that no line of an output reaches, because its fields are bounded."""

SYNC_EVERY = 1.0
"""Seconds between two requests that the disk keep what it was given."""

# Windows has none; there, nothing keeps two runs from the same output.
_fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None


class OutputError(CamsError):
    """The output can no longer be written. What was written before is whole."""


@frozen(kw_only=True)
class ResumePoint:
    """What a former run has left."""

    end: int
    """Bytes of it that are whole."""

    totals: Totals = Factory(Totals)
    """Counts of its rows."""


def claim(path: Path) -> BinaryIO:
    """Open an output, made if it is not there, for this process alone.

    Raises:
        ConfigurationError: It cannot be opened, or another run writes to it.
    """
    try:
        file: BinaryIO = open(path, "a+b", buffering=0, opener=_private)  # noqa: SIM115 - a Path takes no opener; it stays open
    except OSError as error:
        raise refusal(path, f"cannot be written: {error.strerror}") from error
    try:
        if _fcntl is not None:
            _fcntl.flock(file.fileno(), _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise refusal(path, "is in use by another run") from error
    return file


def _private(path: str, flags: int) -> int:
    """Open a file that, where it is new, only its owner can read."""
    return os.open(path, flags, 0o600)


def refusal(path: Path, message: str) -> ConfigurationError:
    """Make the error of an output that cannot be used."""
    return ConfigurationError(f"{str(path)!r} {message}", field="output")


def scan(
    file: BinaryIO, path: Path, form: Format, mark: Callable[[int], bool]
) -> ResumePoint:
    """Find out what a former run has done. Nothing is changed.

    The end may be damaged: a line that was not written whole, or bytes that a power
    failure left as NULs. It counts as not written.

    Args:
        file: An output, to be read from its start.
        path: Its name, for errors.
        form: How it is written.
        mark: Told each row that is done; False where there is no such row, or where
            that is known already.

    Raises:
        ConfigurationError: A line is damaged before the end, or not of this job.
    """
    file.seek(0)
    end, totals = 0, Totals()
    damaged: RawLine | None = None
    for line in split_lines(chunks(file), limit=MAX_LINE_BYTES):
        if form == "csv" and line.number == 1 and line.data == CSV_HEADER:
            end = line.size
            continue
        headed = form == "jsonl" or end > 0
        known = decode(line.data, form) if headed else None
        if known is None:
            damaged = damaged or line
            if not _may_be_torn(line):
                raise _foreign(path, line, "cannot be read")
        elif damaged is not None:
            raise _foreign(path, damaged, "cannot be read")
        elif not mark(known.line):
            raise _foreign(path, line, "is for a row that is not there, or done twice")
        else:
            end += line.size
            totals.add(known)
    return ResumePoint(end=end, totals=totals)


def heal(file: BinaryIO, path: Path, standing: ResumePoint) -> None:
    """Cut off what is not whole.

    Raises:
        ConfigurationError: That is not possible.
    """
    try:
        file.truncate(standing.end)
    except OSError as error:
        raise refusal(path, f"cannot be healed: {error.strerror}") from error


def _may_be_torn(line: RawLine) -> bool:
    """Whether a crash can have left this: it has no end, or holds NULs."""
    return b"\0" in line.data or (line.is_complete and not line.data.endswith(b"\n"))


def _foreign(path: Path, line: RawLine, problem: str) -> ConfigurationError:
    return refusal(
        path,
        f"has a line {line.number} that {problem}. Nothing was changed: mend the line, "
        "or start anew with another output",
    )


class Output:
    """Appends results. Each is written at once, whole or not at all.

    Args:
        stream: Where to write.
        form: How to write.
        path: The name of the file; None for standard output.
        end: Where the file ends, so that half a line can be cut off again; None for
            a stream.
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
        """The end of the file in bytes; None for a stream."""
        return self._end

    def head(self) -> None:
        """Write what an output begins with, if it is empty.

        Raises:
            OutputError: It cannot be written.
        """
        if self._form == "csv" and not self._end:
            self._append(CSV_HEADER)

    def write(self, results: Iterable[Result]) -> None:
        """Append lines in one go.

        Raises:
            OutputError: They could not be written; nothing of them is left.
        """
        encoded = (encode(each, self._form, raw_csv=self._raw_csv) for each in results)
        self._append(b"".join(encoded))
        now = time.monotonic()
        if now - self._synced >= SYNC_EVERY:
            self.sync()
            self._synced = now

    def sync(self) -> None:
        """Ask the disk to keep what it was given; nothing for a stream.

        Raises:
            OutputError: It did not.
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
            self._cut()
            raise self._failed(error) from error
        if self._end is not None:
            self._end += len(data)

    def _cut(self) -> None:
        """Take back half a line. If that fails, the next start does it."""
        if self._end is not None:
            with suppress(OSError):
                self._stream.truncate(self._end)

    def _failed(self, error: OSError) -> OutputError:
        hint = "What was written before is whole."
        return OutputError(f"cannot write {self._name}: {error.strerror}.", hint=hint)
