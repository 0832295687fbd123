"""Rate limits (QPS ceilings): policies that refuse calls, and a ledger that counts.

No I/O: the clocks are arguments, in seconds. `now` is monotonic; `wall` is the server's
clock. For a ceiling of N calls per second, floor(N) calls are allowed in any one
second; below 1, one call in any 1/N seconds.

A counting policy refuses calls the way some servers do. The ledger finds violations of
the ceiling independently of it.
"""

import math
from collections import deque
from typing import Literal, Protocol, TypeAlias

PolicyName: TypeAlias = Literal["sliding", "calendar", "bucket"]

POLICIES: tuple[PolicyName, ...] = ("sliding", "calendar", "bucket")

SLACK = 1e-9
"""Seconds of tolerance, so that the rounding of floats is no violation."""


def window(ceiling: float) -> tuple[int, float]:
    """Return the number of calls allowed in a window, and its length in seconds."""
    return (math.floor(ceiling), 1.0) if ceiling >= 1 else (1, 1 / ceiling)


class CountingPolicy(Protocol):
    """The way a server counts calls and refuses those above its ceiling."""

    def take(self, now: float, wall: float) -> bool:
        """Count a call that arrives now. Return False to refuse it."""
        ...

    def fill(self, now: float, wall: float) -> None:
        """Count a call of the background load, which is never refused."""
        ...


class SlidingWindow:
    """At most the ceiling in the window that ends now."""

    def __init__(self, ceiling: float, *, counts_refused: bool = False) -> None:
        allowed, self._seconds = window(ceiling)
        # Only the oldest of the last `allowed` calls matters.
        self._counted: deque[float] = deque(maxlen=allowed)
        self._counts_refused = counts_refused

    def take(self, now: float, wall: float) -> bool:
        """Count a call that arrives now. Return False to refuse it."""
        del wall
        counted = self._counted
        full = len(counted) == counted.maxlen
        passes = not full or now - counted[0] >= self._seconds - SLACK
        if passes or self._counts_refused:
            counted.append(now)
        return passes

    def fill(self, now: float, wall: float) -> None:
        """Count a call of the background load, which is never refused."""
        del wall
        self._counted.append(now)


class CalendarSecond:
    """At most the ceiling in each second of the server's clock."""

    def __init__(self, ceiling: float, *, counts_refused: bool = False) -> None:
        # Whether refused calls count makes no difference once a second is full.
        del counts_refused
        self._allowed, self._seconds = window(ceiling)
        self._current: int | None = None
        self._counted = 0

    def take(self, now: float, wall: float) -> bool:
        """Count a call that arrives now. Return False to refuse it."""
        self.fill(now, wall)
        return self._counted <= self._allowed

    def fill(self, now: float, wall: float) -> None:
        """Count a call of the background load, which is never refused."""
        del now
        current = math.floor(wall / self._seconds)
        if current != self._current:
            self._current, self._counted = current, 0
        self._counted += 1


class TokenBucket:
    """A bucket of N tokens, full at the start, that regains N tokens per second."""

    def __init__(self, ceiling: float, *, counts_refused: bool = False) -> None:
        self._ceiling = ceiling
        self._capacity = max(1.0, ceiling)
        self._counts_refused = counts_refused
        self._tokens = self._capacity
        self._last: float | None = None

    def take(self, now: float, wall: float) -> bool:
        """Count a call that arrives now. Return False to refuse it."""
        del wall
        self._refill(now)
        passes = self._tokens >= 1 - SLACK
        if passes or self._counts_refused:
            self._tokens = max(min(0.0, self._tokens), self._tokens - 1)
        return passes

    def fill(self, now: float, wall: float) -> None:
        """Count a call of the background load, which is never refused."""
        del wall
        self._refill(now)
        self._tokens = max(-self._capacity, self._tokens - 1)

    def _refill(self, now: float) -> None:
        gained = 0.0 if self._last is None else (now - self._last) * self._ceiling
        self._tokens = min(self._capacity, self._tokens + gained)
        self._last = now


def policy_of(
    name: PolicyName, ceiling: float, *, counts_refused: bool = False
) -> CountingPolicy:
    """Return the policy of that name for a ceiling in calls per second."""
    kinds: dict[str, type[SlidingWindow | CalendarSecond | TokenBucket]] = {
        "sliding": SlidingWindow,
        "calendar": CalendarSecond,
        "bucket": TokenBucket,
    }
    return kinds[name](ceiling, counts_refused=counts_refused)


class BackgroundLoad:
    """Evenly spaced calls of other clients, which use up part of the ceiling."""

    CATCH_UP = 10.0
    """Seconds without calls that are made up for, at most."""

    def __init__(self, policy: CountingPolicy) -> None:
        self._policy = policy
        self._next: float | None = None

    def catch_up(self, qps: float, now: float, wall: float) -> None:
        """Count the calls that are due by now, at `qps` calls per second."""
        if qps <= 0:
            self._next = None
            return
        due = now if self._next is None else max(self._next, now - self.CATCH_UP)
        while due <= now:
            self._policy.fill(due, wall - (now - due))
            due += 1 / qps
        self._next = due


class Ledger:
    """Counts the arrivals of one account's calls of one action, and violations.

    floor(N) + 1 arrivals must never span less than a second; for N below 1, two
    arrivals never less than 1/N seconds. Only the arrivals of one window are kept.
    """

    def __init__(self, ceiling: float) -> None:
        self.ceiling: float = ceiling
        self.window: float
        allowed, self.window = window(ceiling)
        self._last: deque[float] = deque(maxlen=allowed)
        self._second: deque[float] = deque()
        self.arrivals: int = 0
        self.executed: int = 0
        self.throttled: int = 0
        self.peak: int = 0
        self.violations: int = 0
        self.shortest: float | None = None
        self.first: float | None = None
        self.last: float | None = None

    def record_arrival(self, now: float) -> None:
        """Count an arrival."""
        self.arrivals += 1
        if self.first is None:
            self.first = now
        self.last = now
        last = self._last
        if len(last) == last.maxlen:
            span = now - last[0]
            if self.shortest is None or span < self.shortest:
                self.shortest = span
            if span < self.window - SLACK:
                self.violations += 1
        last.append(now)
        second = self._second
        while second and now - second[0] >= 1.0 - SLACK:
            second.popleft()
        second.append(now)
        self.peak = max(self.peak, len(second))

    @property
    def utilization(self) -> float:
        """The used part of the ceiling: 1 where not one more call would be allowed.

        Throttled calls do not count. One window more is allowed than lies between the
        first arrival and the last: a burst at the start is no violation.
        """
        if self.first is None or self.last is None:
            return 0.0
        most = self.ceiling * (self.last - self.first + self.window)
        return (self.arrivals - self.throttled) / most
