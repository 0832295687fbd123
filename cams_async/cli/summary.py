"""What a job has come to, for people and for programs."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from cams_async.bulk import Job, Result
from cams_async.bulk.results import INVALID
from cams_async.cli.tally import Tally, duration, failures

TOLD = 10
"""How many bad rows are told one by one; the output has all of them."""


class Summary:
    """Counts the rows that a run writes, and what became of them.

    Args:
        tally: Told of each phone number once, however many rows want it.
        say: Told of bad rows, one by one; None to say nothing.
    """

    def __init__(self, tally: Tally, say: Callable[[str], None] | None) -> None:
        self._tally = tally
        self._say = say
        self._bad = 0
        self._last: tuple[str | None, str | None] | None = None

    def add(self, result: Result) -> None:
        """Count a row."""
        # Rows that want the same number come one after the other.
        key = result.cust_space_id, result.phone_number
        if result.error == INVALID:
            self._tell_bad(result)
        elif key != self._last:
            self._last = key
            self._tally.step(result.error)

    def _tell_bad(self, result: Result) -> None:
        self._bad += 1
        if self._say is None or self._bad > TOLD + 1:
            return
        if self._bad > TOLD:
            self._say("there are more bad rows; the output has all of them")
        else:
            self._say(f"line {result.line}: {result.message}")

    def words(self, job: Job, *, seconds: float, output: str) -> Iterator[str]:
        """Say it on two lines."""
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
        """Return it as JSON can hold it."""
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
            "finished": moment(job.finished),
            "statuses": dict(job.totals.statuses),
            "errors": dict(job.totals.errors),
            "seconds": round(seconds, 3),
            "output": output,
        }


def moment(seconds: float | None) -> str | None:
    """Return a time as in RFC 3339, in UTC; None where there is none."""
    if seconds is None:
        return None
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a journal may hold any number
    return found.isoformat(sep=" ", timespec="seconds")
