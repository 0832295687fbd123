"""Counts of the rows that an output holds, over all runs of its job."""

from collections import Counter

from attrs import Factory, define

from cams_async.bulk.results import INVALID, Result


@define
class Totals:
    """Counts of rows by their results, and of phone numbers that failed."""

    done: int = 0
    """Rows written."""

    failed: int = 0
    """Those of them that failed, bad ones included."""

    statuses: Counter[str] = Factory(Counter[str])
    """Rows by status."""

    errors: Counter[str] = Factory(Counter[str])
    """Rows that failed, by error."""

    failures: Counter[str] = Factory(Counter[str])
    """Phone numbers that failed, by error; one counts once for all its rows."""

    _last: tuple[str | None, str | None] | None = None

    def add(self, result: Result) -> None:
        """Count a row. The rows of one phone number are written one after the other."""
        self.done += 1
        if result.error is None:
            self.statuses[str(result.status)] += 1
            return
        self.failed += 1
        self.errors[result.error] += 1
        number = result.cust_space_id, result.phone_number
        if result.error != INVALID and number != self._last:
            self._last = number
            self.failures[result.error] += 1
