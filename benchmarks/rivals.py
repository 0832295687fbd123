"""What people use instead of a throttle, behind the throttle's own seam.

Only the policy differs: the client, the signing and the sockets stay the same.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TypeAlias

from aiolimiter import AsyncLimiter
from attrs import frozen

from cams_async import LocalThrottle, Permit, Scope, Snapshot, Throttle

Gate: TypeAlias = AbstractAsyncContextManager[object]
"""What a call holds while it runs."""


class BarePermit:
    """A turn that nobody keeps books of."""

    waited = 0.0
    ticket = 0

    def sent(self) -> bool:
        """Allow the send."""
        return True

    def completed(self) -> None:
        """Do nothing."""

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Do nothing."""


class Rival:
    """A throttle that is nothing but an asynchronous context manager."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    @asynccontextmanager
    async def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[Permit, None]:
        """Hold the gate for one call."""
        del scope, ticket, deadline
        async with self._gate:
            yield BarePermit()

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return nothing: it knows nothing."""
        return {}

    async def aclose(self) -> None:
        """Do nothing."""


@frozen
class Contestant:
    """One way to keep to a ceiling of N calls per second."""

    name: str

    make: Callable[[float], Throttle]
    """Makes one for a ceiling, inside the running loop."""

    bound: Callable[[float, int], float]
    """The most calls in a second to expect, from the ceiling and the fan-out."""

    paced: bool = True
    """Whether it is meant to keep a rate at all."""


ROUND_TRIPS = 7.0
"""Round trips in a second, roughly, of the network that is emulated."""

OURS = Contestant("cams_async", lambda _: LocalThrottle(), lambda n, _: n)

CONTESTANTS = (
    OURS,
    Contestant(
        "AsyncLimiter(N, 1)",
        lambda n: Rival(AsyncLimiter(n, 1)),
        # A full bucket at once, and what drips into it within the same second.
        lambda n, _: 2 * n,
    ),
    Contestant(
        "AsyncLimiter(1, 1/N)",
        lambda n: Rival(AsyncLimiter(1, 1 / n)),
        lambda n, _: n,
    ),
    Contestant(
        "Semaphore(N)",
        lambda n: Rival(asyncio.Semaphore(int(n))),
        lambda n, tasks: min(n * ROUND_TRIPS, tasks),
        paced=False,
    ),
    Contestant(
        "no limiter",
        lambda _: Rival(nullcontext()),
        lambda _, tasks: tasks,
        paced=False,
    ),
)
