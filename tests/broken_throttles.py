"""Throttles that people write, each with a mistake that the simulation must find."""

# pyright: reportPrivateUsage=false

import asyncio
import math
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from types import TracebackType
from typing import ClassVar, Protocol, Self

from aiolimiter import AsyncLimiter

from cams_async.models import Scope, Snapshot
from cams_async.throttle import LocalThrottle
from cams_async.throttle.base import Route
from cams_async.throttle.leases import AcknowledgedAt, Lease, LeaseTable
from cams_async.throttle.local import LocalPermit, SharedLimiter


class Limiter(Protocol):
    """Lets sends through one by one, and ignores responses."""

    async def acquire(self) -> None:
        """Wait until a send is allowed."""
        ...


class AtTheSend:
    """A throttle that only looks at its own sends."""

    def __init__(self) -> None:
        self._limiters: dict[str, Limiter] = {}
        self._tickets = count(1)

    def limiter(self, ceiling: float) -> Limiter:
        """Make what limits one account's sends."""
        raise NotImplementedError

    def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
        timeout: float = 60.0,
        route: Route | None = None,
    ) -> "Allowed":
        """Wait for the limiter; the deadline is left to the caller."""
        del deadline, timeout, route
        if scope.account not in self._limiters:
            self._limiters[scope.account] = self.limiter(scope.qps)
        return Allowed(self._limiters[scope.account], ticket or next(self._tickets))

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return nothing: there is no state."""
        return {}

    async def aclose(self) -> None:
        """Do nothing."""


class Allowed(AbstractAsyncContextManager["Allowed"]):
    """A permit of such a throttle."""

    waited = 0.0

    def __init__(self, limiter: Limiter, ticket: int) -> None:
        self._limiter = limiter
        self.ticket = ticket

    async def __aenter__(self) -> Self:
        await self._limiter.acquire()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing."""

    def sent(self, acknowledged_at: AcknowledgedAt | None = None, /) -> bool:
        """Allow the send."""
        del acknowledged_at
        return True

    def completed(self, at: float | None = None, /) -> None:
        """Do nothing."""

    def throttled(self, retry_after: float | None, *, counted: bool = True) -> None:
        """Do nothing."""


class OneBucket(AtTheSend):
    """`AsyncLimiter(N, 1)`: a full bucket at once, and the drip in the same second."""

    def limiter(self, ceiling: float) -> Limiter:
        """Make the obvious bucket."""
        return AsyncLimiter(max(1.0, ceiling), max(1.0, 1 / ceiling))


class OnlySpacing(AtTheSend):
    """`AsyncLimiter(1, 1/N)`: evenly sent is not evenly arrived."""

    def limiter(self, ceiling: float) -> Limiter:
        """Make a bucket of one drop."""
        return AsyncLimiter(1, 1 / ceiling)


class LogOfSends(AtTheSend):
    """No more than N sends in any second: a late batch meets the next one."""

    def limiter(self, ceiling: float) -> Limiter:
        """Make a log."""
        return _Log(ceiling)


class _Log:
    def __init__(self, ceiling: float) -> None:
        self._window = max(1.0, 1 / ceiling)
        self._sends: deque[float] = deque(maxlen=max(1, int(ceiling)))
        self._first = asyncio.Lock()

    async def acquire(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._first:
            if len(self._sends) == self._sends.maxlen:
                await asyncio.sleep(self._sends[0] + self._window - loop.time())
            self._sends.append(loop.time())


class _OtherLeases(LocalThrottle):
    leases: ClassVar[type[LeaseTable]]

    def shared(self, scope: Scope) -> SharedLimiter:
        shared = super().shared(scope)
        table = shared.core._leases
        if type(table) is LeaseTable:
            shared.core._leases = self.leases(
                hold=table.hold, max_transit=self._max_transit
            )
        return shared


class _AnchoredAtTheSend(LeaseTable):
    def sent(self, lease: Lease, now: float) -> bool:
        alive = super().sent(lease, now)
        self.completed(lease, now, now)
        return alive


class FreedAtSend(_OtherLeases):
    """A lease returns a second after its send, not after its response."""

    leases = _AnchoredAtTheSend


class _GivenBack(LeaseTable):
    def released(self, lease: Lease, now: float) -> None:
        del now
        self._remove(lease)


class FreedAtCancel(_OtherLeases):
    """A lease returns when its caller gives up, as with a semaphore."""

    leases = _GivenBack


class _WithoutEvidence(LeaseTable):
    def _counted_by(self, lease: Lease) -> float:
        return lease.at + self._max_transit


class FreedAfterTransit(_OtherLeases):
    """A lease returns `max_transit` and a second after its send, evidence or not."""

    leases = _WithoutEvidence


class _Undated(LeaseTable):
    def _prove(self, route: Route, sent_at: float, at: float) -> None:
        del at
        for lease in [*self._open, *self._unproven]:
            if lease.route is route and lease.at <= sent_at:
                lease.proven_at = lease.at


class UndatedResponses(_OtherLeases):
    """A response proves that whatever was sent before was not delayed."""

    leases = _Undated


class _AnyResponse(LeaseTable):
    def _prove(self, route: Route, sent_at: float, at: float) -> None:
        del sent_at
        super()._prove(route, at, at)


class TrustsEarlierCalls(_OtherLeases):
    """Any response proves that the path works, also that to an earlier call."""

    leases = _AnyResponse


class _ResponsesOnly(LeaseTable):
    def sent(self, lease: Lease, now: float) -> bool:
        lease.acknowledged_at = None
        return super().sent(lease, now)


class IgnoresTheKernel(_OtherLeases):
    """A response proves even what the kernel denies, on another connection."""

    leases = _ResponsesOnly


class _Trusting(LocalPermit):
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.state == "sent":
            self.completed()
        await super().__aexit__(exc_type, exc, traceback)


class TrustsGateways(LocalThrottle):
    """Any response proves that the server counted the call, a gateway's included."""

    def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
        timeout: float = 60.0,
        route: Route | None = None,
    ) -> LocalPermit:
        """Wait for a permit."""
        return _Trusting(
            self,
            scope,
            ticket=ticket,
            deadline=math.inf if deadline is None else deadline,
            timeout=timeout,
            route=route,
        )


ShortMemory = partial(LocalThrottle, max_transit=0.5)
"""`max_transit` is half a second, where a request may take longer."""
