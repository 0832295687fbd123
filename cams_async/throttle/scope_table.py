"""The limiters of a throttle, one per scope."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from cams_async.models import Scope

L = TypeVar("L")

Key = tuple[str, str, str]
"""Account, region and action."""

FEW = 64
"""The number of limiters below which none is dropped."""


class ScopeTable(Generic[L]):
    """Limiters by scope. Idle ones are dropped as the table grows.

    A sweep visits every limiter, and the next one follows when the table has doubled,
    so that a new scope costs constant time on average.
    """

    def __init__(self) -> None:
        self._limiters: dict[Key, L] = {}
        self._sweep_at = FEW

    def __iter__(self) -> Iterator[tuple[Key, L]]:
        return iter(list(self._limiters.items()))

    def get(self, scope: Scope) -> L | None:
        """Return the limiter of a scope, or None."""
        return self._limiters.get((scope.account, scope.region, scope.action))

    def add(self, scope: Scope, limiter: L, *, is_idle: Callable[[L], bool]) -> list[L]:
        """Add the limiter of a scope; return the idle ones that were dropped for it."""
        dropped: list[L] = []
        if len(self._limiters) >= self._sweep_at:
            for key, other in self:
                if is_idle(other):
                    dropped.append(self._limiters.pop(key))
            self._sweep_at = max(FEW, 2 * len(self._limiters))
        self._limiters[scope.account, scope.region, scope.action] = limiter
        return dropped

    def clear(self) -> list[L]:
        """Remove all limiters and return them."""
        limiters, self._limiters = list(self._limiters.values()), {}
        return limiters
