"""How far a long run has come, in numbers and in words. Time is an argument."""

from collections import Counter, deque
from collections.abc import Mapping

from cams_async.models import CallEvent

WINDOW = 60
"""Seconds that a rate is taken over."""

NAMED = 3
"""How many codes of failures are named in one line; the others are summed up."""

MINUTE, HOUR = 60, 3600


class Rate:
    """How often something happened per second, over the last minute.

    In some seconds a ceiling of N per second allows N times one more than that: they
    may begin with a burst. By that measure a ceiling that is kept never looks
    exceeded, and one that is used up looks so but for a few per cent.
    """

    def __init__(self, now: float, count: int = 0) -> None:
        self._samples = deque([(now, count)], maxlen=WINDOW + 1)

    def sample(self, now: float, count: int) -> None:
        """Note how often it has happened so far; asked as often as is convenient."""
        if now - self._samples[-1][0] >= 1.0:
            self._samples.append((now, count))

    @property
    def per_second(self) -> float:
        """The rate; 0 in the first second."""
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        return (last - first) / (ended - began + 1.0)


class Tally:
    """Counts numbers and calls, and puts them into words.

    Args:
        total: How many numbers there are.
        done: How many of them an earlier run has done.
        failed: Those of them that failed, by code.
        ceilings: Calls per second, for each action that may be called.
        watches: Whether numbers are asked again until they have settled, so that
            nobody can say how long it will take.
        now: Seconds on a clock that never jumps.
    """

    def __init__(
        self,
        *,
        total: int,
        done: int,
        failed: Mapping[str, int] = {},
        ceilings: Mapping[str, float],
        watches: bool,
        now: float,
    ) -> None:
        self.total = total
        self.done: int = done
        self.failed: Counter[str] = Counter(failed)
        self._ceilings = dict(ceilings)
        self._watches = watches
        self._calls = Counter[str]()
        self._done_rate = Rate(now, done)
        self._call_rates = {action: Rate(now) for action in ceilings}

    def step(self, failure: str | None = None) -> None:
        """Count a number that has its result; a failure by its code."""
        self.done += 1
        if failure is not None:
            self.failed[failure] += 1

    def call(self, event: CallEvent) -> None:
        """Count a call that has ended: a hook for clients."""
        self._calls[event.action] += 1

    def tick(self, now: float) -> None:
        """Take note of the time, now and then."""
        self._done_rate.sample(now, self.done)
        for action, rate in self._call_rates.items():
            rate.sample(now, self._calls[action])

    def words(self) -> str:
        """Say how far it has come, on one line."""
        parts = (self._counts(), self._speed(), self._left(), failures(self.failed))
        return ", ".join(part for part in parts if part)

    def _counts(self) -> str:
        what = "settled" if self._watches else "done"
        return f"{self.done:,} of {self.total:,} numbers {what}"

    def _speed(self) -> str:
        rates = {action: rate.per_second for action, rate in self._call_rates.items()}
        # An action that is not called any more says nothing about the run.
        busy = {action: rate for action, rate in rates.items() if rate}
        if not busy:
            return ""
        ceiling = sum(self._ceilings[action] for action in busy)
        return f"{sum(busy.values()):.1f} of {ceiling:g}/s"

    def _left(self) -> str:
        rest = self.total - self.done
        if not rest:
            return ""
        if self._watches:
            return f"{rest:,} pending"
        rate = self._done_rate.per_second
        return f"about {duration(rest / rate)} to go" if rate else ""


def failures(counts: Mapping[str, int]) -> str:
    """Say how many have failed by code, the most frequent ones first."""
    if not counts:
        return ""
    ranked = Counter(counts).most_common()
    parts = [f"{count:,} {code}" for code, count in ranked[:NAMED]]
    if others := sum(count for _, count in ranked[NAMED:]):
        parts.append(f"{others:,} others")
    return f"failed: {', '.join(parts)}"


def duration(seconds: float) -> str:
    """Say how long something takes, as exactly as people want to know."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    hours, rest = divmod(seconds, HOUR)
    return f"{hours:.0f} h {rest // MINUTE:.0f} min"
