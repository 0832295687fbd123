"""The invariants of every run."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, TypeAlias

from attrs import frozen

from tests.simulation.schedule import Schedule
from tests.simulation.servers import allowance

Outcome: TypeAlias = Literal[
    "answered", "failed", "cancelled", "expired", "denied", "crashed", "never ended"
]
"""The end of a call; `denied`: the throttle refused it, as it would be too late."""


@frozen
class Arrival:
    """A request reaches the server."""

    at: float
    call: int
    admitted: bool


@frozen(kw_only=True)
class Result:
    """The result of a run. Times are in seconds from its start."""

    schedule: Schedule
    arrivals: tuple[Arrival, ...]
    """In the order in which the server counted them, the tenant's left out."""

    outcomes: tuple[Outcome, ...]
    """One for each call."""

    overtaken: tuple[str, ...]
    """Calls that were served out of order."""

    hasty: tuple[str, ...]
    """Permits that were granted during a pause."""

    leaks: tuple[str, ...]
    """State that the throttle still held at the end."""

    crashes: tuple[str, ...]
    """Exceptions that should never occur."""

    finished: float
    """Time at which the last call ended."""

    @property
    def wasted(self) -> int:
        """The number of requests that the server refused."""
        return sum(not arrival.admitted for arrival in self.arrivals)


def faults(result: Result) -> list[str]:
    """Return all that is wrong with a run; nothing is what we want."""
    endless = [
        f"call {number} never ended"
        for number, outcome in enumerate(result.outcomes)
        if outcome == "never ended"
    ]
    return [
        *overshoot(result),
        *endless,
        *result.crashes,
        *result.overtaken,
        *result.hasty,
        *result.leaks,
    ]


def overshoot(result: Result) -> list[str]:
    """Return where more calls than the ceiling arrived within its window.

    A span is finer than a count: it also shows how near a miss was.
    """
    most, window = allowance(result.schedule.ceiling)
    series: dict[tuple[int, int], list[float]] = defaultdict(list)
    for arrival in result.arrivals:
        call = result.schedule.calls[arrival.call]
        series[call.process, call.account].append(arrival.at)
    return [
        f"account {account}: {most + 1} arrivals within {span:.6f} s, not {window:g} s"
        for (_, account), arrivals in series.items()
        if (span := shortest_span(arrivals, most + 1)) < window
    ]


def share_used(result: Result) -> float:
    """Return how much of what physics allows was used, while the queue was long.

    Each call has one of `most` slots for its round trip and the window after it, so
    that no more than `most / (window + round trip)` calls per second can be made. The
    first arrivals, before the slots are in step with the responses, are left out, and
    so are the last, when no call waits any more.
    """
    most, window = allowance(result.schedule.ceiling)
    steady = result.arrivals[3 * most : -most]
    calls = [result.schedule.calls[arrival.call] for arrival in steady]
    trip = sum(call.trip for call in calls) / len(calls)
    return steady_rate(result) / (most / (window + trip))


def steady_rate(result: Result) -> float:
    """Return the arrivals per second, but the first and the last of a long queue."""
    most, _ = allowance(result.schedule.ceiling)
    steady = result.arrivals[3 * most : -most]
    rounds = (len(steady) - 1) // most  # whole ones, as slots come back in groups
    return rounds * most / (steady[rounds * most].at - steady[0].at)


def most_within(moments: Sequence[float], window: float) -> int:
    """Return the largest number of the moments that lie within a window."""
    ordered = sorted(moments)
    return max(
        bisect_left(ordered, first + window) - nth for nth, first in enumerate(ordered)
    )


def shortest_span(moments: Sequence[float], count: int) -> float:
    """Return the shortest time in which so many of the moments lie."""
    ordered = sorted(moments)
    spans = zip(ordered, ordered[count - 1 :], strict=False)
    return min((last - first for first, last in spans), default=float("inf"))


class Order:
    """First in, first out; calls that come back go before all newcomers."""

    def __init__(self) -> None:
        self.overtaken: list[str] = []
        self._places: dict[int, int] = {}
        self._waiting: dict[int, int] = {}
        self._grants = 0

    def asked(self, call: int) -> None:
        """A call joins the queue, or comes back to it."""
        came_back = call in self._places
        self._places.setdefault(call, len(self._places))
        self._waiting[call] = self._grants if came_back else -1

    def gone(self, call: int) -> None:
        """A call waits no longer."""
        self._waiting.pop(call, None)

    def granted(self, call: int) -> None:
        """A call is served: no waiting call may have a better place.

        Except that a call which has a slot already, and only waits in the bucket, is
        not sent back when a better place returns to the queue: one grant may come
        between.
        """
        self.gone(call)
        place = self._places[call]
        for other, grants in self._waiting.items():
            if self._places[other] < place and grants < self._grants:
                self.overtaken.append(f"call {call} went before call {other}")
        self._grants += 1
