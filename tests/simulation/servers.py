"""Counting rules of servers: pure, on the server's own clock."""

import math
from collections import deque
from typing import Protocol

from attrs import frozen


def allowance(ceiling: float) -> tuple[int, float]:
    """Return how many calls are allowed in which number of seconds.

    Ten per second are 10 in 1 s, and so are 10.5; one in two seconds are 1 in 2 s.
    """
    return max(1, math.floor(ceiling)), max(1.0, 1.0 / ceiling)


class Counter(Protocol):
    """A server at work on one account's calls of one action."""

    def admit(self, now: float) -> bool:
        """Judge a call that arrives now; the arrivals come in order."""
        ...


class Rule(Protocol):
    """A kind of server."""

    def counter(self, ceiling: float) -> Counter:
        """Start with nothing counted."""
        ...


@frozen
class SlidingWindow:
    """No more than the ceiling in the last second, at any moment."""

    counts_refused: bool = False

    def counter(self, ceiling: float) -> Counter:
        """Start with nothing counted."""
        return _Log(ceiling, counts_refused=self.counts_refused)


class _Log:
    def __init__(self, ceiling: float, *, counts_refused: bool) -> None:
        self._most, self._window = allowance(ceiling)
        self._counts_refused = counts_refused
        self._counted: deque[float] = deque()

    def admit(self, now: float) -> bool:
        while self._counted and self._counted[0] <= now - self._window:
            self._counted.popleft()
        admitted = len(self._counted) < self._most
        if admitted or self._counts_refused:
            self._counted.append(now)
        return admitted


@frozen
class CalendarSecond:
    """No more than the ceiling between two ticks of the server's clock."""

    phase: float = 0.0
    """Offset of the server's second from ours."""

    def counter(self, ceiling: float) -> Counter:
        """Start with nothing counted."""
        return _Calendar(ceiling, self.phase)


class _Calendar:
    def __init__(self, ceiling: float, phase: float) -> None:
        self._most, self._window = allowance(ceiling)
        self._phase = phase
        self._current = -1
        self._count = 0

    def admit(self, now: float) -> bool:
        current = math.floor((now - self._phase) / self._window)
        if current != self._current:
            self._current, self._count = current, 0
        admitted = self._count < self._most
        self._count += admitted
        return admitted


@frozen
class TokenBucket:
    """A bucket of tokens, one for each call, filled at the rate of the ceiling."""

    share: float = 1.0
    """Capacity of the bucket, as a part of one second's calls."""

    def counter(self, ceiling: float) -> Counter:
        """Start with a full bucket."""
        return _Bucket(ceiling, max(1.0, ceiling * self.share))


class _Bucket:
    def __init__(self, ceiling: float, capacity: float) -> None:
        self._rate = ceiling
        self._capacity = self._tokens = capacity
        self._filled = 0.0

    def admit(self, now: float) -> bool:
        tokens = self._tokens + (now - self._filled) * self._rate
        self._tokens, self._filled = min(self._capacity, tokens), now
        admitted = self._tokens >= 1.0
        self._tokens -= admitted
        return admitted
