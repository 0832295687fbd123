"""The files of a job: index of the rows, output and journal. Calls block."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

from attrs import asdict, evolve

from cams_async.bulk.journal import Journal, save
from cams_async.bulk.lines import chunks
from cams_async.bulk.output import Output, OutputError, ResumePoint, open_locked
from cams_async.bulk.plan import Plan, Survey
from cams_async.bulk.results import INVALID, Result, Totals
from cams_async.bulk.resume import (
    check_distinct,
    check_output,
    new_journal,
    start_or_resume,
)
from cams_async.bulk.row_index import PAGE, PendingNumber, RowIndex
from cams_async.bulk.rows import BadRow, read_rows
from cams_async.errors import ConfigurationError
from cams_async.terminal import standard_input, standard_output


class _AbandonedError(Exception):
    """The opening of a store was abandoned."""


class Store:
    """The files of a job. Thread-safe: a lock serialises all calls.

    Args:
        plan: The plan of the job.
        stdin: The input if the plan names none; None for standard input.
        stdout: The output if the plan names none; None for standard output.
    """

    def __init__(
        self, plan: Plan, *, stdin: BinaryIO | None, stdout: BinaryIO | None
    ) -> None:
        self._plan = plan
        self._stdin = stdin
        self._stdout = stdout
        # The thread of a cancelled call may still run.
        self._lock = threading.Lock()
        self._abandoned = False
        self._opened = ExitStack()
        self._row_index: RowIndex
        self._output: Output
        self._file: BinaryIO | None = None
        self._journal: Journal | None = None
        self._began = time.time()
        self.totals: Totals = Totals()
        """Counts of the rows that earlier runs have written."""
        self.finished: float | None = None
        """Time when the last row was written, in seconds since 1970."""
        self.lost: bool = False
        """Whether the output was removed, replaced or changed by another program."""

    def open(self) -> Survey:
        """Read the input, then start or resume the output.

        Raises:
            ConfigurationError: One of them is unusable. Nothing was changed.
        """
        with self._lock:
            try:
                return self._open()
            except BaseException:
                self._opened.close()
                raise

    def abandon(self) -> None:
        """Make a running `open` fail soon. Does not block."""
        self._abandoned = True

    def close(self) -> None:
        """Close all files. Idempotent."""
        with self._lock:
            self._opened.close()

    def _open(self) -> Survey:
        plan, path = self._plan, self._plan.output
        source = plan.input or self._stdin or standard_input()
        check_distinct(source, path or self._stdout or standard_output())
        if path is not None:
            check_output(path, durable=plan.durable)
        self._row_index = self._opened.enter_context(closing(RowIndex()))
        digest = self._read_input(source)
        resumed, point = False, ResumePoint(end=0)
        if path is None:
            stdout = self._stdout or standard_output()
            self._output = Output(stdout, form=plan.format, raw_csv=plan.raw_csv)
        else:
            is_new = not path.exists()
            self._file = self._opened.enter_context(open_locked(path))
            opened = start_or_resume(
                plan,
                path,
                self._file,
                new_journal(plan, digest, self._began),
                is_new=is_new,
                mark_done=self._row_index.mark_done,
            )
            self._journal, resumed, point = (
                opened.journal,
                opened.resumed,
                opened.point,
            )
            if self._journal is not None:
                self._began = self._journal.began
            self._output = Output(
                self._file,
                form=plan.format,
                path=path,
                end=point.end,
                raw_csv=plan.raw_csv,
            )
        self._opened.callback(self._sync_quietly)
        self._output.write_header()
        return self._survey(point, resumed=resumed)

    def _read_input(self, source: Path | BinaryIO) -> dict[str, Any]:
        """Index all rows; return the digest and the size of the input."""
        digest, size = hashlib.sha256(), 0
        path = source if isinstance(source, Path) else None

        def pieces(source: BinaryIO) -> Iterator[bytes]:
            nonlocal size
            for piece in chunks(source):
                if self._abandoned:
                    raise _AbandonedError
                digest.update(piece)
                size += len(piece)
                yield piece

        try:
            with (
                source.open("rb") if isinstance(source, Path) else nullcontext(source)
            ) as file:
                rows = read_rows(
                    pieces(file),
                    cust_space_id=self._plan.cust_space_id,
                    columns=self._plan.columns,
                )
                self._row_index.fill(rows)
        except OSError as error:
            name = "standard input" if path is None else repr(str(path))
            msg = f"{name} cannot be read: {error.strerror}"
            raise ConfigurationError(msg, field="input") from error
        return {"sha256": digest.hexdigest(), "size": size}

    def _survey(self, point: ResumePoint, *, resumed: bool) -> Survey:
        counts = self._row_index.count()
        self.totals = point.totals
        if self._journal is not None and counts.rows == self.totals.done:
            self.finished = self._journal.finished
        return Survey(
            **asdict(counts),
            duplicates=counts.rows - counts.bad - counts.numbers,
            done=self.totals.done,
            failed=self.totals.failed,
            resumed=resumed,
            durable=self._plan.durable,
            finished=self.finished,
        )

    def time_left(self, deadline: float) -> float:
        """Return the seconds until a deadline, counted from the start of the job."""
        return deadline - max(0.0, time.time() - self._began)

    def pending(
        self, after: PendingNumber | None, *, by_space: bool
    ) -> list[PendingNumber]:
        """Return the next phone numbers to request."""
        return self._row_index.pending(after, by_space=by_space)

    def write(self, result: Result, after: int) -> tuple[list[Result], int | None]:
        """Write the result of a phone number for the next page of its rows.

        Returns:
            The results written, and the line after which more rows may follow; None
            if there are none.

        Raises:
            OutputError: The results could not be written.
        """
        number, space = result.phone_number or "", result.cust_space_id or ""
        with self._lock:
            lines = self._row_index.lines(number, space, after)
            written = self._append([evolve(result, line=line) for line in lines])
            if len(lines) == PAGE:
                return written, lines[-1]
            self._row_index.mark_number_done(number, space)
        return written, None

    def write_bad(self, after: int) -> list[Result]:
        """Write the next page of invalid rows; return the results written.

        Raises:
            OutputError: The results could not be written.
        """
        with self._lock:
            return self._append([_invalid(row) for row in self._row_index.bad(after)])

    def sync(self) -> None:
        """Flush the output to disk.

        Raises:
            OutputError: The disk failed, or the output was removed or replaced.
        """
        with self._lock:
            self._output.sync()
            self._check_unchanged()

    def mark_finished(self) -> None:
        """Record in the journal that all rows are written."""
        path, journal = self._plan.output, self._journal
        self.finished = time.time()
        if path is not None and journal is not None:
            # The rows are complete: a failure to record the time is not an error.
            with self._lock, suppress(ConfigurationError):
                save(path, evolve(journal, finished=self.finished))

    def _append(self, results: list[Result]) -> list[Result]:
        if results:
            self._output.write(results)
            self._check_unchanged()
        return results

    def _check_unchanged(self) -> None:
        """Raise OutputError if another program removed or changed the output."""
        path = self._plan.output
        if path is None or self._file is None:
            return
        try:
            ours, found = os.fstat(self._file.fileno()), path.stat()
            kept = os.path.samestat(ours, found) and ours.st_size == self._output.end
        except OSError:
            kept = False
        if not kept:
            self.lost = True
            raise OutputError(
                f"{str(path)!r} was removed, replaced or changed while the job ran"
            )

    def _sync_quietly(self) -> None:
        """Flush the rows of a run that ends early; its own error takes precedence."""
        with suppress(OutputError):
            self._output.sync()


def _invalid(row: BadRow) -> Result:
    return Result(
        line=row.line,
        phone_number=row.phone_number,
        cust_space_id=row.cust_space_id,
        error=INVALID,
        message=row.reason,
        input=row.input,
    )
