"""What a job has come to, for people and for programs."""

from collections import Counter
from collections.abc import Callable, Iterator
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
        self._statuses = Counter[str]()
        self._errors = Counter[str]()
        self._last: tuple[str | None, str | None] | None = None

    def add(self, result: Result) -> None:
        """Count a row."""
        if result.error is None:
            self._statuses[str(result.status)] += 1
        else:
            self._errors[result.error] += 1
        # Rows that want the same number come one after the other.
        key = result.cust_space_id, result.phone_number
        if result.error == INVALID:
            self._tell_bad(result)
        elif key != self._last:
            self._last = key
            self._tally.step(result.error)

    def _tell_bad(self, result: Result) -> None:
        count = self._errors[INVALID]
        if self._say is None or count > TOLD + 1:
            return
        if count > TOLD:
            self._say("there are more bad rows; the output has all of them")
        else:
            self._say(f"line {result.line}: {result.message}")

    def words(self, job: Job, *, seconds: float, output: str) -> Iterator[str]:
        """Say it on two lines."""
        yield (
            f"{job.done:,} of {job.survey.rows:,} rows are in {output} "
            f"after {duration(seconds)}"
        )
        parts = [f"{count:,} {name}" for name, count in self._statuses.most_common()]
        parts += [failures(self._errors)] if self._errors else []
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
            "statuses": dict(self._statuses),
            "errors": dict(self._errors),
            "seconds": round(seconds, 3),
            "output": output,
        }
