"""What a job keeps on disk: the rows, the output, the journal. Blocking."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

from attrs import asdict, evolve

from cams_async.bulk.journal import Journal, compare, load, save
from cams_async.bulk.lines import chunks
from cams_async.bulk.output import (
    Output,
    OutputError,
    ResumePoint,
    claim,
    heal,
    scan,
)
from cams_async.bulk.place import check_distinct, check_place, not_empty
from cams_async.bulk.plan import Plan, Survey, Watching
from cams_async.bulk.results import INVALID, Result
from cams_async.bulk.row_index import PAGE, Key, RowIndex
from cams_async.bulk.rows import BadRow, read_rows
from cams_async.bulk.totals import Totals
from cams_async.errors import ConfigurationError
from cams_async.terminal import standard_input, standard_output


class _AbandonedError(Exception):
    """Nobody waits for the store to open any more."""


class Store:
    """Opens, reads and writes; from any thread, one at a time.

    Args:
        plan: What is asked.
        stdin: The input where the plan names none; None for standard input.
        stdout: The output where the plan names none; None for standard output.
    """

    def __init__(
        self, plan: Plan, *, stdin: BinaryIO | None, stdout: BinaryIO | None
    ) -> None:
        self._plan = plan
        self._stdin = stdin
        self._stdout = stdout
        # A thread whose result nobody awaits any more may still be at work.
        self._lock = threading.Lock()
        self._abandoned = False
        self._opened = ExitStack()
        self._scratch: RowIndex
        self._output: Output
        self._file: BinaryIO | None = None
        self._journal: Journal | None = None
        self._began = time.time()
        self.totals = Totals()
        """Counts of the rows that former runs have written."""
        self.finished: float | None = None
        """Time when every row had its line, in seconds since 1970."""
        self.lost = False
        """Whether the output is no longer there, or no longer as it was written."""

    # Opening and closing

    def open(self) -> Survey:
        """Read the input and what a former run has left; claim the output.

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
        """Let an `open` that nobody waits for end soon. Does not block."""
        self._abandoned = True

    def close(self) -> None:
        """Let everything go. Idempotent."""
        with self._lock:
            self._opened.close()

    def _open(self) -> Survey:
        plan, path = self._plan, self._plan.output
        source = plan.input or self._stdin or standard_input()
        check_distinct(source, path or self._stdout or standard_output())
        if path is not None:
            check_place(path, durable=plan.durable)
        self._scratch = self._opened.enter_context(closing(RowIndex()))
        digest = self._read_input(source)
        if path is None:
            resumed, standing = False, ResumePoint(end=0)
            stdout = self._stdout or standard_output()
            self._output = Output(stdout, form=plan.format, raw_csv=plan.raw_csv)
        else:
            # Whoever has removed an output wants to start anew.
            is_new = not path.exists()
            file = self._opened.enter_context(claim(path))
            former = load(path) if plan.durable and not is_new else None
            if former is None and file.tell():
                raise not_empty(path)
            if plan.restart and former is not None:
                # Before the new journal, by which the old rows would count as done.
                heal(file, path, ResumePoint(end=0))
                former = None
            self._file = file
            resumed = self._resume(path, self._new_journal(digest), former)
            standing = scan(file, path, plan.format, self._scratch.mark)
            heal(file, path, standing)
            self._output = Output(
                file,
                form=plan.format,
                path=path,
                end=standing.end,
                raw_csv=plan.raw_csv,
            )
        self._opened.callback(self._sync_quietly)
        self._output.head()
        counts = self._scratch.count()
        self.totals = standing.totals
        if self._journal is not None and counts.rows == self.totals.done:
            self.finished = self._journal.finished
        return Survey(
            **asdict(counts),
            duplicates=counts.rows - counts.bad - counts.numbers,
            done=standing.totals.done,
            failed=standing.totals.failed,
            resumed=resumed,
            durable=plan.durable,
            finished=self.finished,
        )

    def _read_input(self, source: Path | BinaryIO) -> dict[str, Any]:
        """Take all rows; return what tells this input from others."""
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
                self._scratch.fill(rows)
        except OSError as error:
            name = "standard input" if path is None else repr(str(path))
            msg = f"{name} cannot be read: {error.strerror}"
            raise ConfigurationError(msg, field="input") from error
        return {"sha256": digest.hexdigest(), "size": size}

    def _resume(self, path: Path, journal: Journal, former: Journal | None) -> bool:
        """Tell whether this goes on with a former run; note what it is if not."""
        if self._plan.durable:
            self._journal = journal if former is None else former
        if former is not None:
            compare(path, former, journal)
            self._began = former.began
        elif self._plan.durable:
            save(path, journal)
        return former is not None

    def _new_journal(self, digest: Mapping[str, Any]) -> Journal:
        plan, watching = self._plan, self._plan.watch
        options: dict[str, Any] = {
            **plan.identity,
            "cust_space_id": plan.cust_space_id,
            "format": plan.format,
        }
        if plan.columns:
            options["columns"] = dict(plan.columns)
        if watching is not None:
            options |= {
                "until": sorted(watching.until),
                "every": list(watching.every),
                "deadline": watching.deadline,
            }
        return Journal(
            command="status" if watching is None else "watch",
            input=digest,
            options=options,
            began=self._began,
        )

    # Once open

    def time_left(self, watching: Watching) -> float | None:
        """Return the seconds until a watch ends; None where it has no deadline."""
        if watching.deadline is None:
            return None
        return watching.deadline - max(0.0, time.time() - self._began)

    def keys(self, after: Key | None, *, by_space: bool) -> list[Key]:
        """Return the next phone numbers to ask for."""
        return self._scratch.keys(after, by_space=by_space)

    def write(self, result: Result, after: int) -> tuple[list[Result], int | None]:
        """Write a result for the next rows that want it.

        Returns:
            What was written, and after which line there may be more, if anywhere.

        Raises:
            OutputError: It could not be written.
        """
        number, space = result.phone_number or "", result.cust_space_id or ""
        with self._lock:
            lines = self._scratch.lines(number, space, after)
            written = self._append([evolve(result, line=line) for line in lines])
            if len(lines) == PAGE:
                return written, lines[-1]
            self._scratch.finish(number, space)
        return written, None

    def write_bad(self, after: int) -> list[Result]:
        """Write the next bad rows; return what was written.

        Raises:
            OutputError: They could not be written.
        """
        with self._lock:
            return self._append([_refused(row) for row in self._scratch.bad(after)])

    def sync(self) -> None:
        """See to it that all that was written outlives a power failure.

        Raises:
            OutputError: The disk did not take it, or the output is not there any more.
        """
        with self._lock:
            self._output.sync()
            self._check_kept()

    def finish(self) -> None:
        """InputRecord in the journal that each row has its line."""
        path, journal = self._plan.output, self._journal
        self.finished = time.time()
        if path is not None and journal is not None:
            # All rows are there: a journal without the time is no reason to fail.
            with self._lock, suppress(ConfigurationError):
                save(path, evolve(journal, finished=self.finished))

    def _check_kept(self) -> None:
        """Refuse to go on writing where nobody will look for it.

        Raises:
            OutputError: The output was removed, replaced or changed.
        """
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
            name = repr(str(path))
            raise OutputError(f"{name} was removed, replaced or changed meanwhile")

    def _sync_quietly(self) -> None:
        """Keep what a run has written that ended early; it has an error of its own."""
        with suppress(OutputError):
            self._output.sync()

    def _append(self, results: list[Result]) -> list[Result]:
        if results:
            self._output.write(results)
            self._check_kept()
        return results


def _refused(row: BadRow) -> Result:
    return Result(
        line=row.line,
        phone_number=row.phone_number,
        cust_space_id=row.cust_space_id,
        error=INVALID,
        message=row.reason,
        input=row.input,
    )
