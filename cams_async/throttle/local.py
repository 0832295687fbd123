"""`LocalThrottle`, the throttle of one process."""

import asyncio
from collections.abc import Mapping
from threading import Lock

from cams_async.config import SECONDS, check, is_seconds
from cams_async.errors import ClientClosed, ConfigurationError
from cams_async.models import Scope, Snapshot
from cams_async.throttle.lane import Lane, LocalPermit
from cams_async.throttle.scope_table import ScopeTable
from cams_async.throttle.slots import MARGIN


class LocalThrottle:
    """A throttle that keeps QPS ceilings in one process.

    Each scope belongs to one event loop at a time. Clients without a throttle of their
    own share `shared_throttle()`.

    Args:
        max_transit: The most seconds that a request takes to reach the server, if it
            arrives at all; from 0 to 86400.
        margin: Seconds added to each slot's second, because timers may fire early;
            from 0 to 86400.

    Raises:
        ConfigurationError: An argument is out of bounds.
    """

    def __init__(self, *, max_transit: float = 1.0, margin: float = MARGIN) -> None:
        for name, value in (("max_transit", max_transit), ("margin", margin)):
            check(is_seconds(value), name, SECONDS)
        self._max_transit = max_transit
        self._margin = margin
        self._lock = Lock()  # threads share the table of lanes, never a lane
        self._lanes: ScopeTable[Lane] = ScopeTable()
        self._closed = False

    def __repr__(self) -> str:
        return f"LocalThrottle(max_transit={self._max_transit}, margin={self._margin})"

    def acquire(
        self,
        scope: Scope,
        *,
        ticket: int | None = None,
        deadline: float | None = None,
    ) -> LocalPermit:
        """Return an async context manager that waits for a permit.

        See `Throttle.acquire`.
        """
        if self._closed:
            msg = "the throttle was closed"
            raise ClientClosed(msg)
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(scope)
        if lane is None or not lane.serves(loop):
            lane = self._bind(scope, loop)
        if scope.qps != lane.ceiling:
            lane.agree(scope.qps, scope.action)
        return LocalPermit(lane, ticket, deadline)

    def _bind(self, scope: Scope, loop: asyncio.AbstractEventLoop) -> Lane:
        with self._lock:
            lane = self._lane(scope, loop)
            bound = lane.bind(loop)
        if not bound:
            msg = (
                "is in use from another event loop that is still alive; "
                "one ceiling over several loops needs cams_async.redis.RedisThrottle"
            )
            raise ConfigurationError(msg, field=f"throttle for {scope.action}")
        return lane

    def snapshot(self) -> Mapping[Scope, Snapshot]:
        """Return the current state of each scope in use."""
        return {
            Scope(account=account, region=region, action=action, qps=lane.ceiling): (
                lane.snapshot()
            )
            for (account, region, action), lane in self._lanes
        }

    async def aclose(self) -> None:
        """Make waiting and later calls raise ClientClosed. Idempotent."""
        self._closed = True
        for _, lane in self._lanes:
            lane.close()

    def _lane(self, scope: Scope, loop: asyncio.AbstractEventLoop) -> Lane:
        lane = self._lanes.get(scope)
        if lane is None:
            lane = Lane(scope.qps, max_transit=self._max_transit, margin=self._margin)
            self._lanes.add(scope, lane, is_idle=lambda other: other.idle(loop))
        return lane


_SHARED = LocalThrottle()


def shared_throttle() -> LocalThrottle:
    """Return the throttle of all clients in this process that were given none."""
    return _SHARED
