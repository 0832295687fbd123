"""Throttles that people write, each with a mistake that the simulation must find."""

# pyright: reportPrivateUsage=false

import asyncio
import math
from collections import deque
from collections.abc import Hashable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from types import TracebackType
from typing import ClassVar, Protocol, Self

from aiolimiter import AsyncLimiter

from cams_async.models import Scope, Snapshot
from cams_async.throttle import LocalThrottle
from cams_async.throttle.lane import Lane, LocalPermit
from cams_async.throttle.slots import Slots


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
        self, scope: Scope, *, ticket: int | None = None, deadline: float | None = None
    ) -> "Allowed":
        """Wait for the limiter; the deadline is left to the caller."""
        del deadline
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

    def sent(self) -> bool:
        """Allow the send."""
        return True

    def completed(self) -> None:
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


class _OtherSlots(LocalThrottle):
    slots: ClassVar[type[Slots]]

    def _lane(self, scope: Scope, loop: asyncio.AbstractEventLoop) -> Lane:
        lane = super()._lane(scope, loop)
        if type(lane._slots) is Slots:
            lane._slots = self.slots(
                hold=lane._slots.hold, max_transit=self._max_transit
            )
        return lane


class _AnchoredAtTheSend(Slots):
    def sent(self, call: Hashable, now: float) -> None:
        super().sent(call, now)
        self.completed(call, now)


class FreedAtSend(_OtherSlots):
    """A slot comes back a second after its send, not after its response."""

    slots = _AnchoredAtTheSend


class _GivenBack(Slots):
    def left(self, call: Hashable) -> None:
        self._unanswered.pop(call, None)


class FreedAtCancel(_OtherSlots):
    """A slot comes back when its caller gives up, as with a semaphore."""

    slots = _GivenBack


class _Trusting(LocalPermit):
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._sent_at < math.inf:
            self.completed()
        await super().__aexit__(exc_type, exc, traceback)


class TrustsGateways(LocalThrottle):
    """Any response proves that the server counted the call, a gateway's included."""

    def acquire(
        self, scope: Scope, *, ticket: int | None = None, deadline: float | None = None
    ) -> LocalPermit:
        """Wait for a permit."""
        permit = super().acquire(scope, ticket=ticket, deadline=deadline)
        return _Trusting(permit._lane, ticket, deadline)


ShortMemory = partial(LocalThrottle, max_transit=0.5)
"""`max_transit` is half a second, where a request may take longer."""
