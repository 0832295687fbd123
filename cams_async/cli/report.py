"""Reports for people and programs: on a job, and on the calls that an emulator got."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cams_async.bulk import Job, Result, Strategy, Survey
from cams_async.bulk.results import INVALID
from cams_async.cli.process import echo
from cams_async.cli.progress import RunProgress, duration, failures
from cams_async.emulator import ActionReport, Report

GAP = "  "

ARRIVAL_HEADERS = (
    "action",
    "QPS ceiling",
    "calls",
    "most in 1 s",
    "shortest span of N+1",
    "ceiling used",
    "throttled",
)

BAD_ROWS_SHOWN = 10
"""Number of bad rows that are shown one by one; the output has all of them."""


# --- jobs -----------------------------------------------------------------------------


class JobReport:
    """Messages during a job and the report at its end.

    Args:
        progress: Counts each phone number once, no matter how many rows share it.
        quiet: Whether to show no bad rows.
    """

    def __init__(self, progress: RunProgress, *, quiet: bool) -> None:
        self._progress = progress
        self._quiet = quiet
        self._bad = 0
        self._last: tuple[str | None, str | None] | None = None

    def add(self, result: Result) -> None:
        """Count a row that was written."""
        # Rows that share a number come one after the other.
        key = result.cust_space_id, result.phone_number
        if result.error == INVALID:
            self._show_bad(result)
        elif key != self._last:
            self._last = key
            self._progress.step(result.error)

    def _show_bad(self, result: Result) -> None:
        self._bad += 1
        if self._quiet or self._bad > BAD_ROWS_SHOWN + 1:
            return
        if self._bad > BAD_ROWS_SHOWN:
            echo("more bad rows follow; the output lists all of them")
        else:
            echo(f"line {result.line}: {result.message}")

    def lines(self, job: Job, *, seconds: float, output: str) -> Iterator[str]:
        """Return the result of the job on up to two lines."""
        if job.lost:
            yield f"{output} does not hold the {job.done:,} rows that were written"
            return
        yield (
            f"{job.done:,} of {job.survey.rows:,} rows are in {output} "
            f"after {duration(seconds)}"
        )
        totals = job.totals
        parts = [f"{count:,} {name}" for name, count in totals.statuses.most_common()]
        parts += [failures(totals.errors)] if totals.errors else []
        if parts:
            yield ", ".join(parts)

    def as_dict(self, job: Job, *, seconds: float, output: str) -> dict[str, Any]:
        """Return the result of the job as JSON values."""
        survey = job.survey
        return {
            "complete": job.complete,
            "rows": survey.rows,
            "bad": survey.bad,
            "duplicates": survey.duplicates,
            "numbers": survey.numbers,
            "resumed": survey.resumed,
            "done": job.done,
            "done_by_former_runs": survey.done,
            "failed": job.failed,
            "finished": _timestamp(job.finished),
            "statuses": dict(job.totals.statuses),
            "errors": dict(job.totals.errors),
            "seconds": round(seconds, 3),
            "output": output,
        }


def opening(
    survey: Survey, strategy: Strategy, command: str, *, chosen: bool
) -> Iterator[str]:
    """Return the lines before the first call of a job.

    Args:
        survey: The rows of the input, and those in the output already.
        strategy: The strategy in use.
        command: The command that resumes the job.
        chosen: Whether the strategy was chosen by its number of calls.
    """
    yield (
        f"rows: {survey.rows:,}, numbers: {survey.numbers:,}, spaces: "
        f"{survey.spaces:,}, duplicates: {survey.duplicates:,}, bad rows: "
        f"{survey.bad:,}"
    )
    if survey.resumed and survey.done == survey.rows:
        when = _timestamp(survey.finished)
        yield f"finished{f' on {when}' if when else ''}: nothing is left to do"
        yield f"run it again with: {command} --restart"
    elif survey.resumed:
        yield (
            f"resuming: {survey.done:,} of {survey.rows:,} rows are done already, "
            f"{survey.failed:,} of them failed"
        )
    if chosen:
        yield (
            f"strategy {strategy}: {survey.numbers_left:,} calls per number, or "
            f"{survey.spaces_left:,} per space"
        )


def _timestamp(seconds: float | None) -> str | None:
    """Return a time as in RFC 3339, in UTC; None if it is missing or impossible."""
    if seconds is None:
        return None
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a journal may hold any number
    return found.isoformat(sep=" ", timespec="seconds")


# --- the emulator ---------------------------------------------------------------------


def arrivals(report: Report) -> str:
    """Return a table of the calls that arrived, by action."""
    return table(ARRIVAL_HEADERS, [_row(action) for action in report.actions])


def _row(action: ActionReport) -> list[str]:
    shortest = "-" if action.shortest is None else f"{action.shortest:.3f} s"
    # Rounded down: a rate just below 100 % must not be shown as 100 %.
    utilization = math.floor(action.utilization * 1000) / 10
    return [
        action.action,
        f"{action.ceiling:g}",
        f"{action.arrivals:,}",
        f"{action.peak:,}",
        shortest,
        f"{utilization:.1f} %",
        f"{action.throttled:,}",
    ]


def conclusion(report: Report) -> str:
    """Return one sentence on which rate limits were exceeded."""
    exceeded = [action.action for action in report.actions if not action.held]
    if exceeded:
        return f"Rate limit exceeded: {', '.join(exceeded)}."
    return "No rate limit was exceeded."


# --- layout ---------------------------------------------------------------------------


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under their headers as plain text; numbers are right-aligned."""
    columns = list(zip(headers, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(map(_is_numeric, column[1:])) for column in columns]
    rule = ["-" * width for width in widths]
    lines = (
        GAP.join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in (headers, rule, *rows)
    )
    return "\n".join(lines)


def _is_numeric(cell: str) -> bool:
    return cell == "-" or cell[:1].isdigit()
